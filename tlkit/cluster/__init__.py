"""Work that is divided among processes and machines, by Ray."""
