"""Training of one fold and of all folds; Lightning and W&B live here."""
