"""Drawn videos of one person with known expressions: micro and macro, blinks, talking, head movements."""
