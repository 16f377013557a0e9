"""The command line: one module per group of commands, no logic of its own."""

from .entry import app, main

__all__ = ["app", "main"]
