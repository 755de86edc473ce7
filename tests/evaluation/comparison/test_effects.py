"""Differences of a sweep's jobs to its first one: numbers against `compare`, the sentence, the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mer.evaluation.comparison.compare import compare
from mer.evaluation.comparison.effects import effect_figure, effect_table, verdict
from mer.evaluation.comparison.runs import FinishedRun
from mer.evaluation.results import scores

CLASSES = ["negative", "positive", "surprise"]


def finished(name: str, right: float, *, subjects: int = 24, seed: int = 0, **config: object) -> FinishedRun:
    """A run in which a share of the samples of each of `subjects` people is right, the same samples for any share."""
    truth = [CLASSES[k % 3] for k in range(9 * subjects)]
    drawn = np.random.default_rng(0).random(len(truth))
    predictions = pd.DataFrame(
        {
            "sample_id": [f"c{k:04d}" for k in range(len(truth))],
            "dataset": "d",
            "subject": [f"s{k // 9:02d}" for k in range(len(truth))],
            "fold": "f",
            "label": truth,
            "predicted": [
                t if d < right else CLASSES[(CLASSES.index(t) + 1) % 3] for t, d in zip(truth, drawn, strict=True)
            ],
            **{f"prob_{one}": 1 / 3 for one in CLASSES},
        }
    )
    results = {
        "classes": CLASSES,
        "complete": True,
        "data_hash": "h",
        "experiment": "x",
        "scores": {"all": scores(predictions, CLASSES, draws=10, seed=0), "by_dataset": {}},
        "interval": {"method": "m"},
        "data": {"name": "d", "samples": 1, "scored": 1, "counts": {}},
        "synthetic": True,
        "protocol": {"name": "loso"},
        "selection": "fixed",
        "parameters": 1,
        "seconds": 1.0,
        "failed_folds": [],
    }
    return FinishedRun(Path(name), results, {"seed": seed, **config}, predictions)


def test_differences_are_those_of_compare_to_the_first_job_and_adjusted_over_the_others():
    runs = [finished(str(k), right, **{"optim.lr": right}) for k, right in enumerate((0.5, 0.52, 0.9))]
    table = effect_table(runs, draws=999)
    assert table["configuration"].tolist() == ["lr=0.5", "lr=0.52", "lr=0.9"]
    assert table["uf1"].tolist() == [run.results["scores"]["all"]["uf1"]["value"] for run in runs]
    assert np.isnan(table["difference"][0]) and np.isnan(table["p_holm"][0])
    for place in (1, 2):
        (pair,) = compare([runs[place], runs[0]], draws=999)["pairs"]
        assert table["difference"][place] == pytest.approx(pair["uf1"]["difference"], abs=1e-6)
        assert table["p"][place] == pytest.approx(pair["uf1"]["p"], abs=1e-6)
        assert (table["low"][place], table["high"][place]) == pytest.approx((pair["uf1"]["low"], pair["uf1"]["high"]))
    assert table["p_holm"][2] == pytest.approx(2 * table["p"][2]) and table["p_holm"][1] == table["p"][1] > 0.05
    said = verdict(table)
    assert "lr=0.9 by +0." in said and "lr=0.52" not in said and "The other 1 do not" in said
    lines = effect_figure(table).axes[0].lines
    filled = [line.get_markerfacecolor() != "white" for line in lines if line.get_marker() == "o"]
    assert filled == [False, True]


def test_seeds_are_one_configuration():
    runs = [finished(f"{k}{s}", r, seed=s, **{"optim.lr": r}) for k, r in enumerate((0.5, 0.6)) for s in (0, 1)]
    table = effect_table(runs, draws=99)
    assert table["seeds"].tolist() == [2, 2]
    assert "No configuration differs" in verdict(replace_p(table, 0.5))


def replace_p(table: pd.DataFrame, value: float) -> pd.DataFrame:
    return table.assign(p_holm=[float("nan")] + [value] * (len(table) - 1))


def test_few_subjects_are_said_to_show_nothing_whatever_the_difference():
    runs = [finished(str(k), right, subjects=3, **{"optim.lr": right}) for k, right in enumerate((0.1, 1.0))]
    said = verdict(effect_table(runs))
    assert "Too few subjects" in said and "no adjusted p below 0.25" in said
