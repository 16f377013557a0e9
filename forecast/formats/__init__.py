"""The layouts of published files, each with the checks that it has to pass."""
