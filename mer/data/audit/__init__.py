"""Audit a data set on disk: list missing, damaged and contradictory files and rows."""
