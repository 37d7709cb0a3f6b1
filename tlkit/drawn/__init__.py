"""Images drawn by formulas: the sample that comes with tlkit."""
