"""What was computed once, kept under everything that determines it."""
