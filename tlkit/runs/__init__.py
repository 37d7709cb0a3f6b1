"""Run folders: written, found and read."""
