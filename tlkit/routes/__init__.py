"""Routes: one file for each way to a model."""
