"""Tests of predicted action units."""
