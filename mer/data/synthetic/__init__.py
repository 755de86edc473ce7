"""Draw faces moved by action units, as a source of samples or as folders in official layouts."""
