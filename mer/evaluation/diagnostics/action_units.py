"""Score clips by the action units that coders saw in them.

Contract: a pure function of the pooled predictions and the table's codes. A diagnostic: a clip with three units counts
in three rows, so rows do not add up, and no score above is made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mer.data.facs import ACTION_UNITS
from mer.data.facs.notation import numbers, parse_aus, unread_parts
from mer.data.samples.table import SampleTable

#: Fewer clips with a unit say nothing of it.
LEAST = 5


def by_action_unit(predictions: pd.DataFrame, table: SampleTable, classes: Sequence[str]) -> dict[str, Any] | None:
    """Return one row per action unit, most frequent first; None if no scored clip has coded units.

    Returns:
        `rows`, each `unit` (its number), `name`, `clips`, `right`, `predicted` (class -> clips); `coded`, clips whose
        codes were read; `unread`, clips whose text holds a part that is no unit. Units that the coder doubted, or that
        stand as one of alternatives, do not count.
    """
    texts = table.frame.set_index("sample_id")["aus"].fillna("").astype(str)
    shown: dict[int, list[tuple[str, str]]] = {}
    coded = unread = 0
    for row in predictions.to_dict("records"):
        units = numbers(parse_aus(texts[row["sample_id"]]), certain=True)
        unread += bool(unread_parts(texts[row["sample_id"]]))
        coded += bool(units)
        for unit in units:
            shown.setdefault(unit, []).append((row["label"], row["predicted"]))
    if not coded:
        return None
    rows = [
        {
            "unit": unit,
            "name": ACTION_UNITS[unit].name if unit in ACTION_UNITS else "",
            "clips": len(answers),
            "right": sum(label == predicted for label, predicted in answers),
            "predicted": {name: sum(predicted == name for _, predicted in answers) for name in classes},
        }
        for unit, answers in sorted(shown.items(), key=lambda item: (-len(item[1]), item[0]))
        if len(answers) >= LEAST
    ]
    return {"rows": rows, "coded": coded, "unread": unread}
