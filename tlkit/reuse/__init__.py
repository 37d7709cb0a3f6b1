"""Uses saved models: to classify images, and to measure them on data."""
