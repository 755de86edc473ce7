"""Audit an experiment for leaks: people or pictures on both sides of a split."""
