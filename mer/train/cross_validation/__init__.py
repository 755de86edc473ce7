"""Train all folds of a run: processes, run folder, dry run, checks, tracking."""
