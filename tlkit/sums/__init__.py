"""The arithmetic of networks: sizes, parameters, operations, fields."""
