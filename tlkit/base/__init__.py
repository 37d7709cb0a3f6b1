"""What all other folders use: errors, checked fields, tables, safe files."""
