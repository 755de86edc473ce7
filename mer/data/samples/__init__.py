"""Build the table of samples: its checks, label sets, spellings of names and perceptual fingerprints."""
