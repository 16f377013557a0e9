"""Rolling origins, scores, and tests of who is better."""
