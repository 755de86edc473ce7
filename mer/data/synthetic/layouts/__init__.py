"""Write the synthetic corpus in the official layout of a data set."""
