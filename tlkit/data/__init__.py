"""Data sets: from a folder, an array file or a name to indexed images."""
