"""Reuse: saved models at work."""
