"""Intervals over subjects and paired tests."""
