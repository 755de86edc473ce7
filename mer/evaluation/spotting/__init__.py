"""Scores of intervals spotted in long videos, by the rules of the Micro-Expression Grand Challenge (MEGC)."""
