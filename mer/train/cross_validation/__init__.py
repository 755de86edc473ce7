"""All folds of a run: processes, the run's folder, dry run, checks, tracking."""
