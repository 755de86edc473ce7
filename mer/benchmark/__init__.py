"""Measure speed, exactness, and how far usual mistakes move a score: one word of `python -m mer.benchmark` each."""
