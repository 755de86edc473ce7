"""Scores as a challenge defines them, where that is not one score over pooled predictions.

Source: Yap, See, Hong, Wang, "Facial Micro-Expressions Grand Challenge 2018 Summary", FG 2018: the holdout task (HDE)
trains on CASME II and tests on SAMM, and the other way round, and averages weighted and unweighted recall of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mer.evaluation.metrics import accuracy, rounded, uar
from mer.evaluation.predictions import confusion

#: Protocol whose challenge averages over its folds.
HOLDOUT = "megc2018_hde"


def challenge_scores(predictions: pd.DataFrame, classes: Sequence[str], protocol: str) -> dict[str, Any] | None:
    """Return WAR (accuracy) and UAR of each direction, and their means; None for protocols that only pool.

    A mean over directions is null while one of them is missing or not defined.
    """
    if protocol != HOLDOUT:
        return None
    directions = {}
    for name, part in predictions.groupby("fold", sort=True):
        counts = confusion(part, classes)
        directions[str(name)] = {
            "war": rounded(float(accuracy(counts))),
            "uar": rounded(float(uar(counts, allow_absent=True))),
        }
    means = {}
    for score in ("war", "uar"):
        values = [row[score] for row in directions.values()]
        known = [value for value in values if value is not None]
        means[score] = round(sum(known) / 2, 6) if len(known) == len(values) == 2 else None
    return {"name": "MEGC 2018 holdout: mean over both directions", **means, "directions": directions}
