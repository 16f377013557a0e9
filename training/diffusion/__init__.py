"""The model of how violence spreads, made to be simulated; and whether a border carries a signal."""
