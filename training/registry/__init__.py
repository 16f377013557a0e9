"""Runs and versions in MLflow, and the gate in front of the champion."""
