"""A trained model as MLflow saves and serves it."""
