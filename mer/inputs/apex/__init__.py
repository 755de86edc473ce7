"""Apex frames that were not annotated, found in the clip."""
