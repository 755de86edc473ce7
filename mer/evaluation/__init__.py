"""From predictions to claims: metrics, intervals, tests, baselines, report. Neither Lightning nor Hydra.

`files` names what a run's folder holds; `predictions` pools the folds; `metrics`, `calibration`, `statistics`,
`baselines` and `members` compute; `results` puts it into one dict; `reading`, `console`, `figures`, `pictures`,
`plots`, `pages` and `report` show it. `paired`, `comparable`, `comparison*` set runs side by side; `linear`, `probe`
and `null_tests` are for null tests; `published` holds what others report.
"""
