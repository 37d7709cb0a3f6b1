"""Methods that explain a classifier: one paper, one file."""
