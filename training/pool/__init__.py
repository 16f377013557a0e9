"""The pool: weights, calibration, dependence, and what a forecast is made of."""
