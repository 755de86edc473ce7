"""One fold: pretraining, training, prediction, its files."""
