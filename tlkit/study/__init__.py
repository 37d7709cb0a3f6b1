"""Convolutional networks taken apart: their sums, and what they come to."""
