"""Audit of a data set on disk: what is there, what is missing, what contradicts."""
