"""From predictions to claims: metrics, intervals, baselines, report. Neither Lightning nor Hydra."""
