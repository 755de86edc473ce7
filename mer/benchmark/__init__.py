"""Measure speed: attention units, the training loop, preparation."""
