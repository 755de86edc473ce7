"""Compute bootstrap intervals over subjects and paired tests."""
