"""Detect faces and crop them, aligned."""
