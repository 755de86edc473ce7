"""Compute claims from predictions: metrics, intervals, tests, baselines, report. Without Lightning and Hydra."""
