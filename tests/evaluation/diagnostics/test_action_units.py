"""Clips by action units against a recount by hand."""

from __future__ import annotations

import json

import pandas as pd

from mer.data.samples.table import SampleTable
from mer.evaluation.diagnostics.action_units import LEAST, by_action_unit
from tests.evaluation.conftest import CLASSES, make_predictions, make_table


def coded(texts: list[str]) -> tuple[SampleTable, pd.DataFrame]:
    labels = [CLASSES[k % 3] for k in range(len(texts))]
    table = make_table(labels, [f"s{k % 4}" for k in range(len(texts))])
    frame = table.frame.assign(aus=texts)
    table = SampleTable(frame, table.classes, name=table.name)
    return table, pd.concat(make_predictions(table))


def test_each_unit_counts_its_clips_their_right_answers_and_what_they_were_taken_for() -> None:
    texts = ["12", "R12A+6", "4+7", "12 or 14", "", "4", "6+12", "L12", "what", "12+25", "AU12", "4+12"] * 2
    table, predictions = coded(texts)
    found = by_action_unit(predictions, table, CLASSES)
    assert found is not None and found["unread"] == 2
    answers = predictions.set_index("sample_id").loc[table.frame["sample_id"]].reset_index()
    with_12 = answers[[text in {"12", "R12A+6", "6+12", "L12", "12+25", "AU12", "4+12"} for text in texts]]
    row = next(row for row in found["rows"] if row["unit"] == 12)
    assert row["name"] == "lip corner puller" and row["clips"] == len(with_12) == 14
    assert row["right"] == (with_12["label"] == with_12["predicted"]).sum()
    assert row["predicted"] == {name: (with_12["predicted"] == name).sum() for name in CLASSES}
    # blank, no coding and alternatives only are no clips with codes
    assert found["coded"] == 2 * 9
    # too few clips show 6 (4), 7 (2) and 25 (2)
    assert [one["unit"] for one in found["rows"]] == [12, 4] and all(one["clips"] >= LEAST for one in found["rows"])
    assert json.loads(json.dumps(found)) == found


def test_without_codes_there_is_nothing() -> None:
    table, predictions = coded([""] * 8)
    assert by_action_unit(predictions, table, CLASSES) is None
