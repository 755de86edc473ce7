"""The synthetic corpus written in the official layout of each data set."""
