"""Public data sets: a catalogue of them, and how they are fetched."""
