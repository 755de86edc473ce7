from __future__ import annotations

import numpy as np
import pytest

from mer.evaluation.caveats import HEADINGS
from mer.evaluation.metrics import uar, uf1
from mer.evaluation.report.published_results import TABLES, comparison_key, matching_table

KEY = {
    "protocol": "loso",
    "classes": ["negative", "positive", "surprise"],
    "datasets": ["casme2", "samm", "smic"],
    "samples": 442,
    "real": True,
}


def test_the_composite_s_numbers_stand_beside_it() -> None:
    found = matching_table(KEY)
    assert found is not None and "MEGC 2019" in found["title"] and "not quite" not in found["note"]
    assert {"STSTNet", "HTNet", "CapsuleNet"} <= {row["method"] for row in found["rows"]}
    assert "here 444" in matching_table({**KEY, "samples": 444, "datasets": ["CASME 2", "SAMM", "SMIC"]})["note"]


@pytest.mark.parametrize(
    "other",
    [
        {"protocol": "kfold"},
        {"classes": ["negative", "positive"]},
        {"datasets": ["casme2", "samm"]},
        {"real": False},
    ],
)
def test_another_test_has_none(other: dict) -> None:
    assert matching_table({**KEY, **other}) is None


def test_always_negative_follows_from_the_counts() -> None:
    # 250 negative, 109 positive, 83 surprise, all called negative
    counts = [[250, 0, 0], [109, 0, 0], [83, 0, 0]]
    row = next(row for row in TABLES[0].rows if row.method == "always negative")
    assert row.scores["uf1"] == pytest.approx(float(uf1(np.array(counts))), abs=5e-4)
    assert row.scores["uar"] == pytest.approx(float(uar(np.array(counts))), abs=5e-4)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_every_number_has_a_source_and_a_column(table) -> None:
    for row in table.rows:
        assert row.source
        assert row.scores and set(row.scores) <= set(HEADINGS)
        assert all(0 < value < 1 for value in row.scores.values())
    firsts = [next(iter(row.scores.values())) for row in table.rows]
    assert firsts == sorted(firsts)


def test_the_key_of_a_run() -> None:
    results = {
        "protocol": {"name": "loso"},
        "classes": ["a"],
        "data": {"samples": 3, "counts": {"a": {"samm": 1, "casme2": 2}}},
        "synthetic": False,
    }
    assert comparison_key(results) == {
        "protocol": "loso",
        "classes": ["a"],
        "datasets": ["casme2", "samm"],
        "samples": 3,
        "real": True,
    }
    assert comparison_key({**results, "synthetic": True})["real"] is False
    assert comparison_key({**results, "null": "permuted_labels"})["real"] is False
