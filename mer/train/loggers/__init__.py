"""Where the curves and scores of a run are logged: one Lightning logger of each chosen kind a training."""
