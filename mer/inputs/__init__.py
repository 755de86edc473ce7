"""Turn image files into network inputs (C, H, W): faces, apexes, representations, the LightningDataModule of a fold."""
