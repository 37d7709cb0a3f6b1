"""Comparisons: which conv base, and which head."""
