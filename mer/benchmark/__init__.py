"""Measure speed, accuracy of inputs and inflation of scores; each measurement is a word of `mer benchmark`."""
