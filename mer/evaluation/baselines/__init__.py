"""Compute what a score has to beat: chance, a linear model, null tests."""
