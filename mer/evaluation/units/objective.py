"""A second reading of predicted units: the objective class I..V that the published table gives to them.

Contract: a pure function of the predictions and the table's codes. The truth is the class of all units that a clip's
code names, with or without a network's answer for them; clips of other classes, without a code or with a doubt in it
are not looked at. The answer is the class of the predicted units; one that no class I..V has is a miss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mer.data.facs.notation import numbers, parse_aus
from mer.data.facs.objective_classes import objective_class
from mer.data.samples.table import SampleTable
from mer.evaluation.metrics import rounded
from mer.evaluation.units.table import predicted_of

#: The classes that challenges score; VI and VII have few clips or many meanings.
SCORED = ("I", "II", "III", "IV", "V")


def objective_reading(predictions: pd.DataFrame, table: SampleTable, units: Sequence[int]) -> dict[str, Any] | None:
    """Return clips, accuracy, UF1 over the classes that are there, and per class F1 and clips; None without any clip.

    `without` are the classes of which no clip is there.
    """
    codes = table.frame.set_index("sample_id")["aus"]
    answers = predicted_of(predictions, units) == 1
    pairs = []
    for sample, row in zip(predictions["sample_id"], answers, strict=True):
        coding = parse_aus(codes[sample])
        sure = numbers(coding, certain=True)
        truth = objective_class(sure) if sure == numbers(coding) else ""
        if truth in SCORED:
            pairs.append((truth, objective_class(np.asarray(units)[row].tolist())))
    if not pairs:
        return None
    there = [name for name in SCORED if any(truth == name for truth, _ in pairs)]
    per_class = {}
    for name in there:
        hits = sum(truth == name == said for truth, said in pairs)
        both = sum((truth == name) + (said == name) for truth, said in pairs)
        per_class[name] = {"f1": rounded(2 * hits / both), "clips": sum(truth == name for truth, _ in pairs)}
    return {
        "clips": len(pairs),
        "accuracy": rounded(sum(truth == said for truth, said in pairs) / len(pairs)),
        "uf1": rounded(float(np.mean([row["f1"] for row in per_class.values()]))),
        "per_class": per_class,
        "without": [name for name in SCORED if name not in there],
    }
