"""The ways to a model: each builds its parts and nothing else."""
