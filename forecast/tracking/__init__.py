"""A finished forecast as an MLflow run."""
