"""Load samples: clips, their annotations and labels, the synthetic corpus. Uses pandas and numpy, not torch."""
