"""Pixels into tensors (C, H, W): key frames, representations, augmentation, the LightningDataModule of one fold."""
