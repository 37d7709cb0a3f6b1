"""Features: what the frozen part of a network has computed, once."""
