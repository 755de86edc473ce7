"""Compute network inputs, selected by `input.representation`."""
