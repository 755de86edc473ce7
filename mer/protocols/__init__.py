"""Split a table of samples into folds by whole subjects or data sets; independent of inputs and models."""
