"""Audit of leaks: people or pictures on both sides of a split."""
