"""The members of the pool."""
