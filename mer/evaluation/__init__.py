"""From predictions to claims: metrics, intervals, baselines, report. Neither Lightning nor Hydra.

`files` names what a run's folder holds; `predictions` pools the folds; `metrics`, `statistics` and `baselines` compute;
`results` puts it into one dict; `reading`, `console`, `figures`, `pictures`, `plots` and `report` show it.
"""
