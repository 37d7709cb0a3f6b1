"""Are the maps true? Three trials."""
