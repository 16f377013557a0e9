"""What crosses a border: attribution, breakdown, stress tests, scenarios."""
