"""Measure how a face moves over time without the motion of the head."""
