"""Load and check one configuration and its data, before any training."""
