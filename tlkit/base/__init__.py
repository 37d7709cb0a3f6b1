"""The ground: errors, names, console, files that are whole or not there."""
