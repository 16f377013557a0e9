"""A panel in, numbers that a model can use out; knows nothing of models."""
