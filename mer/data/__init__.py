"""What exists: clips, their annotations and labels, and the synthetic corpus. pandas and numpy, no torch."""
