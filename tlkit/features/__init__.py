"""Features: the outputs of a network's frozen part, computed once and kept."""
