"""Evaluation: how good a model is on images it has not seen."""
