"""Data: a folder becomes batches."""
