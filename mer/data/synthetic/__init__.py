"""Drawn faces moved by action units: a source of samples, and trees in official layouts."""
