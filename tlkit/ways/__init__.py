"""The ways to a model: each builds the network that is then trained."""
