"""Who is tested on whom: folds over a table of samples. Knows nothing of pixels or models."""
