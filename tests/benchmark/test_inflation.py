"""The guesser against closed forms, fold averages against scikit-learn, the command on an invented run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from sklearn.metrics import f1_score

from mer import run_files
from mer.benchmark.__main__ import main
from mer.benchmark.inflation import best_of_epochs, fold_averaged, guesser_table
from mer.evaluation.baselines.chance import FoldLabels, uniform
from mer.evaluation.metrics import accuracy
from mer.evaluation.predictions import PROBABILITY_PREFIX, write_predictions

CLASSES = ("a", "b", "c")
SIZES = (1, 2, 5, 9, 14)


def people() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    subjects = np.repeat([f"s{k}" for k in range(len(SIZES))], SIZES)
    return generator.choice(3, size=len(subjects), p=[0.6, 0.3, 0.1]), subjects


@pytest.mark.parametrize("many", [1, 7, 60])
def test_right_answers_are_the_largest_of_many_binomials(many: int):
    targets, subjects = people()
    counts = best_of_epochs(targets, subjects, classes=3, epochs=(many,), draws=1500)[0]
    expected = sum((1 - binom.cdf(np.arange(n), n, 1 / 3) ** many).sum() for n in SIZES)
    assert counts.sum(axis=(1, 2)) == pytest.approx(len(targets))
    assert accuracy(counts).mean() * len(targets) == pytest.approx(expected, rel=0.02)


def test_one_epoch_is_the_uniform_baseline():
    targets, subjects = people()
    table = guesser_table(best_of_epochs(targets, subjects, classes=3, epochs=(1,), draws=3000), (1,))
    baseline = uniform([FoldLabels(targets, targets)], CLASSES, draws=3000, seed=1)
    assert table["UF1"][0] == pytest.approx(baseline.value["uf1"], abs=0.01)
    assert table["low"][0] == pytest.approx(baseline.low["uf1"], abs=0.03)


def test_more_epochs_are_never_worse_and_the_seed_decides():
    targets, subjects = people()
    counts = best_of_epochs(targets, subjects, classes=3, epochs=(1, 3, 20), draws=50)
    assert (np.diff(accuracy(counts), axis=0) >= 0).all()
    again = best_of_epochs(targets, subjects, classes=3, epochs=(1, 3, 20), draws=50)
    other = best_of_epochs(targets, subjects, classes=3, epochs=(1, 3, 20), draws=50, seed=1)
    assert (counts == again).all() and (counts != other).any()


def invented(seed: int) -> pd.DataFrame:
    targets, subjects = people()
    generator = np.random.default_rng(seed)
    guessed = np.where(generator.random(len(targets)) < 0.5, targets, generator.integers(3, size=len(targets)))
    table = pd.DataFrame({"sample_id": [f"x/{k}" for k in range(len(targets))], "dataset": "x", "subject": subjects})
    table["fold"] = table["subject"]
    table["label"], table["predicted"] = np.array(CLASSES)[targets], np.array(CLASSES)[guessed]
    for name in CLASSES:
        table[f"{PROBABILITY_PREFIX}{name}"] = np.where(table["predicted"] == name, 0.5, 0.25)
    return table


@pytest.mark.parametrize("seed", range(4))
def test_averages_over_folds_equal_scikit_learn(seed: int):
    table = invented(seed)
    parts = [part for _, part in table.groupby("fold")]

    def mean(labels: list[str] | None) -> float:
        scores = [f1_score(p["label"], p["predicted"], labels=labels, average="macro", zero_division=0) for p in parts]
        return float(np.mean(scores))

    assert fold_averaged(table, CLASSES, absent="zero") == pytest.approx(mean(list(CLASSES)))
    assert fold_averaged(table, CLASSES, absent="left out") == pytest.approx(mean(None))


def test_perfect_answers_reach_one_only_where_absent_classes_are_left_out():
    table = invented(0).assign(predicted=lambda frame: frame["label"])
    shown = table.groupby("fold")["label"].nunique()
    assert fold_averaged(table, CLASSES, absent="left out") == 1
    assert fold_averaged(table, CLASSES, absent="zero") == pytest.approx((shown / 3).mean())


def test_the_command_prints_tables_and_draws_the_same_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name, selection in (("honest", "fixed"), ("chosen", "leaky")):
        (tmp_path / name).mkdir()
        write_predictions(tmp_path / name / run_files.PREDICTIONS, invented(0))
        results = {
            "classes": CLASSES,
            "selection": selection,
            "seed": 0,
            "data": {"name": "invented"},
            "scores": {"all": {"uf1": {"value": 0.5}}},
        }
        (tmp_path / name / run_files.RESULTS).write_text(json.dumps(results))
    runs = [str(tmp_path / "honest"), str(tmp_path / "chosen")]
    for out in ("one", "two"):
        assert main(["inflation", *runs, "--draws", "20", "--out", str(tmp_path / out)]) == 0
    shown = capsys.readouterr().out
    assert "honest" in shown and "leaky" in shown and " 800 " in shown
    pictures = [(tmp_path / out / "guesser.svg").read_bytes() for out in ("one", "two")]
    assert pictures[0] == pictures[1]
    assert b"epochs leaky: 0.500" in pictures[0]
    assert main(["inflation", str(tmp_path / "nowhere")]) == 2
    assert "no results at" in capsys.readouterr().err
