"""Provide the LightningDataModule of a fold: samplers, augmentation, mixup, co-training."""
