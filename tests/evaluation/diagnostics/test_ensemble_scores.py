"""Scores of members against scikit-learn and numpy."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from mer.data.samples.table import SampleTable
from mer.evaluation.diagnostics.ensemble_scores import MEMBER, member_scores
from mer.evaluation.predictions import PredictionError
from tests.evaluation.conftest import make_predictions


def long_tables(table: SampleTable) -> list[pd.DataFrame]:
    """Long tables of three members, one a fold."""
    by_member = [make_predictions(table, seed=seed) for seed in (1, 2, 3)]
    return [
        pd.concat([frame.assign(**{MEMBER: str(m)}) for m, frame in enumerate(fold)])
        for fold in zip(*by_member, strict=True)
    ]


def test_each_member_is_scored_on_its_own_pool(table: SampleTable) -> None:
    parts = long_tables(table)
    found = member_scores(parts, table)
    assert found is not None
    pooled = pd.concat(parts)
    scores = []
    for m in range(3):
        mine = pooled[pooled[MEMBER] == str(m)]
        truth, guess = mine["label"], mine["predicted"]
        scores.append(
            {
                "uf1": f1_score(truth, guess, average="macro"),
                "uar": recall_score(truth, guess, average="macro"),
                "accuracy": accuracy_score(truth, guess),
                "weighted_f1": f1_score(truth, guess, average="weighted"),
            }
        )
    assert list(found["scores"]) == ["0", "1", "2"]
    for name in scores[0]:
        values = [one[name] for one in scores]
        assert [one[name] for one in found["scores"].values()] == pytest.approx(values, abs=1e-6)
        assert found["mean"][name] == pytest.approx(np.mean(values), abs=1e-6)
        assert found["deviation"][name] == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_without_members_there_are_no_scores_of_theirs(table: SampleTable) -> None:
    assert member_scores([], table) is None


def test_a_member_that_saw_a_sample_twice_is_refused(table: SampleTable) -> None:
    parts = long_tables(table)
    with pytest.raises(PredictionError, match="more than once"):
        member_scores([*parts, parts[0]], table)


def test_what_is_not_defined_is_null(table: SampleTable) -> None:
    some = table.frame.loc[table.frame["label"] != "surprise", "sample_id"]
    parts = [part[part["sample_id"].isin(some)] for part in long_tables(table)]
    found = member_scores(parts, table)
    assert found is not None
    assert found["mean"]["uf1"] is None
    assert found["deviation"]["uf1"] is None
    assert found["mean"]["accuracy"] is not None
