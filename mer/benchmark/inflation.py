"""Measure how much two common mistakes inflate a score: the best epoch per person, and F1 averaged over folds.

    python -m mer.benchmark inflation [RUN ...] [--out FOLDER]

Contract: pure functions but for `run`, which prints tables and writes `guesser.svg` into `--out`. The guesser draws
labels and learns nothing. Without a run it guesses at a cast of 442 clips and 68 people with the classes of MEGC 2019.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from mer import run_files
from mer.config import SyntheticData
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.profiles import PROFILES
from mer.errors import MerError
from mer.evaluation.metrics import Counts, confusion_matrix, f1, support, uf1
from mer.evaluation.predictions import encode_labels, read_predictions
from mer.utils.atomic_files import read_json, write_atomically
from mer.utils.seeding import seed_from

#: Epochs of which the guesser keeps the best, as published trainings have them.
EPOCHS = (1, 2, 5, 10, 20, 50, 100, 200, 400, 800)
#: A fold's mean F1: over all classes, an absent one counting 0; or over those that were shown or predicted, as
#: scikit-learn does when it is given no list of classes.
ABSENT = ("zero", "left out")


def best_of_epochs(
    targets: npt.ArrayLike,
    subjects: npt.ArrayLike,
    *,
    classes: int,
    epochs: Sequence[int] = EPOCHS,
    draws: int = 200,
    seed: int = 0,
) -> Counts:
    """Return pooled confusion matrices (epochs, draws, K, K) of random guesses with the best epoch of each person.

    Args:
        targets: class indices (N,).
        subjects: person of each sample (N,).
        classes: K; every guess is one of them, each as likely.
        epochs: how many guesses of all samples there are to choose from. The first of those with the most right
            answers for a person is kept for that person.
        draws: how often all of it is repeated.
        seed: fixes the draws.
    """
    truth, people = np.asarray(targets, dtype=np.int64), np.asarray(subjects)
    generator = np.random.default_rng(seed_from(seed, "guesser"))
    every, size = np.arange(draws), classes * classes
    counts = np.zeros((len(epochs), draws * size), dtype=np.int64)
    for person in sorted(set(people.tolist())):
        own = truth[people == person]
        guesses = generator.integers(classes, size=(draws, max(epochs), len(own)), dtype=np.int8)
        right = (guesses == own).sum(axis=-1)
        for place, many in enumerate(epochs):
            kept = guesses[every, right[:, :many].argmax(axis=1)].astype(np.int64)
            cells = every[:, None] * size + own * classes + kept
            counts[place] += np.bincount(cells.ravel(), minlength=draws * size)
    return counts.reshape(len(epochs), draws, classes, classes)


def fold_averaged(predictions: pd.DataFrame, classes: Sequence[str], *, absent: str) -> float:
    """Return the mean over folds of each fold's mean F1, a common mistake for UF1.

    Args:
        predictions: columns fold, label, predicted.
        classes: of the protocol.
        absent: one of `ABSENT`.
    """
    scores = []
    for _, part in predictions.groupby("fold"):
        counts = confusion_matrix(
            encode_labels(part["label"], classes), encode_labels(part["predicted"], classes), classes=len(classes)
        )
        values = np.nan_to_num(f1(counts))
        met = support(counts) + counts.sum(axis=0) > 0
        scores.append(values.mean() if absent == "zero" else values[met].mean())
    return float(np.mean(scores))


def run_table(runs: Sequence[Path]) -> pd.DataFrame:
    """Return one row per run: selection of epochs, seed, UF1 pooled and averaged over folds, also if all were right."""
    rows = []
    for run in runs:
        results, predictions = _results(run), read_predictions(run / run_files.PREDICTIONS)
        perfect = predictions.assign(predicted=predictions["label"])
        averaged = {
            f"{name}, absent {absent}": fold_averaged(table, results["classes"], absent=absent)
            for name, table in (("by fold", predictions), ("perfect", perfect))
            for absent in ABSENT
        }
        pooled = results["scores"]["all"]["uf1"]["value"]
        rows.append(
            {"run": run.name, "epochs": results["selection"], "seed": results["seed"], "UF1": pooled, **averaged}
        )
    return pd.DataFrame(rows)


def guesser_table(counts: Counts, epochs: Sequence[int] = EPOCHS) -> pd.DataFrame:
    """Return one row per number of epochs: mean and central 95% range of UF1 over draws."""
    scores = uf1(counts)
    low, high = np.quantile(scores, [0.025, 0.975], axis=1)
    return pd.DataFrame({"best of": list(epochs), "UF1": scores.mean(axis=1), "low": low, "high": high})


def guesser_figure(table: pd.DataFrame, runs: pd.DataFrame, title: str) -> Figure:
    """Draw the curve of random guesses over epochs, with lines for the mean UF1 of honest and leaky runs."""
    figure = Figure(figsize=(6, 3.6), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    axes.fill_between(table["best of"], table["low"], table["high"], color="#b9c4d0", linewidth=0)
    axes.plot(table["best of"], table["UF1"], "o-", color="#24425f", markersize=4)
    middle = table.iloc[len(table) // 2]
    spot = (middle["best of"], middle["low"])
    axes.annotate("random labels", spot, (10, -14), color="#24425f", textcoords="offset points")
    for kind, part in runs.groupby("epochs") if len(runs) else ():
        value = part["UF1"].mean()
        axes.axhline(value, color="#a4491c", linewidth=1, linestyle="--" if kind == "leaky" else "-")
        axes.annotate(
            f"trained, epochs {kind}: {value:.3f}", (1, value), (0, 3), color="#a4491c", textcoords="offset points"
        )
    axes.set_xscale("log")
    axes.set_xticks(table["best of"], [str(value) for value in table["best of"]])
    axes.minorticks_off()
    axes.set_ylim(0.2, 1)
    axes.set_xlabel("epochs of which each person's best is kept")
    axes.set_ylabel("UF1")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, fontsize=9, loc="left")
    return figure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add runs, the folder of the picture, and repetitions."""
    parser.add_argument("runs", nargs="*", type=Path, help="folders of finished runs of one sample set")
    parser.add_argument("--out", type=Path, help="folder for guesser.svg; none: no picture")
    parser.add_argument("--draws", type=int, default=200, help="repetitions of the guesser (default %(default)s)")


def run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Print the effect of both mistakes on finished runs and on random guesses.

    Raises:
        MerError: a run cannot be read.
    """
    if given.draws < 1:
        parser.error(f"--draws: expected 1 or more, got {given.draws}")
    runs = run_table(given.runs)
    labels, subjects, classes, title = _samples(given.runs)
    guessed = guesser_table(
        best_of_epochs(encode_labels(labels, classes), subjects, classes=len(classes), draws=given.draws)
    )
    for table in (runs, guessed):
        if len(table):
            print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"), end="\n\n")
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        with (
            mpl.rc_context({"svg.hashsalt": "mer", "svg.fonttype": "none"}),
            write_atomically(given.out / "guesser.svg") as path,
        ):
            FigureCanvasSVG(guesser_figure(guessed, runs, title)).print_svg(
                path, metadata={"Date": None, "Creator": None}
            )


def _results(run: Path) -> dict[str, Any]:
    path = run / run_files.RESULTS
    if not path.is_file():
        raise MerError(f"no results at {path}; expected the folder of a finished run")
    return read_json(path)


def _samples(runs: Sequence[Path]) -> tuple[pd.Series, pd.Series, tuple[str, ...], str]:
    """Return labels, people, classes and title: of the first run, or of made-up samples like MEGC 2019's."""
    if runs:
        table, results = read_predictions(runs[0] / run_files.PREDICTIONS), _results(runs[0])
        people = table["dataset"] + ":" + table["subject"]
        return (
            table["label"],
            people,
            tuple(results["classes"]),
            _title(len(table), people.nunique(), results["data"]["name"]),
        )
    specs = design_clips(SyntheticData(name="synthetic", profile="megc2019", subjects=68, clips=442))
    people = pd.Series([spec.subject_name for spec in specs])
    title = _title(len(specs), people.nunique(), "an invented cast with the classes of MEGC 2019")
    return pd.Series([spec.label for spec in specs]), people, tuple(PROFILES["megc2019"].counts), title


def _title(clips: int, people: int, name: str) -> str:
    return f"{clips} clips of {people} people ({name})"
