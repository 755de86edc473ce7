"""Further readings of predictions: calibration, action units, ensembles, challenge scores."""
