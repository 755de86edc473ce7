"""Train and test one fold: pretraining, training, prediction, files."""
