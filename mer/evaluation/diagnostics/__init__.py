"""Analyse predictions further: calibration, action units, ensembles, challenge scores."""
