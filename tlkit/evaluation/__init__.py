"""Evaluation: how good a model really is."""
