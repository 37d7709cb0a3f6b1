"""Explanations: what a network looks at, and what its layers compute."""
