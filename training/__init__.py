"""Models, their scores, their calibration, their tracking."""
