"""Predicted action units: their table, thresholds, scores, baselines, and the results of a run."""
