"""The table of samples, its checks, its label sets, perceptual fingerprints."""
