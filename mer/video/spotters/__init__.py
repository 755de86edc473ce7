"""Spot intervals of facial motion in time courses; each file of this folder adds a spotter to `registry.SPOTTERS`."""
