"""Score spotted intervals: call `spotting_table`; `spot_then_recognise` scores what they were taken for.

Contract: counts are (..., 3), true positives, false positives and false negatives summed over all videos; leading axes
are draws or subjects. A score that is not defined is NaN, never 0. Intervals are bootstrapped over subjects. STRS, the
spot-then-recognise score, is the F1 of spotting times the F1 of analysis: the harmonic mean of macro precision and
macro recall of the classes of true positives. Source: Liong, See and Chan, Spot-then-recognize, Signal Processing:
Image Communication 110, 2023; MEGC 2024 and 2025.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mer.evaluation.metrics import Scores, uf1
from mer.evaluation.predictions import encode_labels
from mer.evaluation.spotting.matching import KINDS, Matches, match_intervals
from mer.evaluation.spotting.public_script import script_f1
from mer.evaluation.statistics.bootstrap import Interval, draw_subjects, score_interval

#: Rows of `spotting_table`: kinds together and apart.
GROUPS = {"all": KINDS, **{kind: (kind,) for kind in KINDS}}


@dataclass(frozen=True)
class Score:
    """A score with its interval over subjects."""

    value: float
    interval: Interval


def precision(counts: npt.NDArray) -> Scores:
    """Return the share of spotted intervals that are true (...); NaN where none was spotted."""
    return _ratio(counts[..., 0], counts[..., 0] + counts[..., 1])


def recall(counts: npt.NDArray) -> Scores:
    """Return the share of true intervals that were spotted (...); NaN where there is none."""
    return _ratio(counts[..., 0], counts[..., 0] + counts[..., 2])


def f1(counts: npt.NDArray) -> Scores:
    """Return the F1 of spotting (...), 2TP / (2TP + FP + FN); NaN where nothing is true and nothing was spotted."""
    return _ratio(2 * counts[..., 0], 2 * counts[..., 0] + counts[..., 1] + counts[..., 2])


def analysis_f1(confusion: npt.NDArray) -> Scores:
    """Return the F1 of analysis (...): the harmonic mean of macro precision and macro recall over all K classes.

    A class that is never predicted has precision 0, one without samples recall 0, as in the challenge: who spots no
    surprise cannot recognise it. NaN without samples.

    Args:
        confusion: counts (..., K, K) of the true positives of spotting, rows truth, columns prediction.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    parts = [np.nan_to_num(_ratio(hits, confusion.sum(axis=axis))).mean(axis=-1) for axis in (-2, -1)]
    mean = np.nan_to_num(_ratio(2 * parts[0] * parts[1], parts[0] + parts[1]))
    return np.where(confusion.sum(axis=(-2, -1)) > 0, mean, np.nan)


def spotting_table(
    truth: pd.DataFrame, found: pd.DataFrame, videos: pd.DataFrame, *, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Return one row a group of kinds (`all`, `micro`, `macro`) with counts and scores.

    Columns: tp, fp, fn, precision, recall, f1, f1_low, f1_high (95% interval over subjects, None where none can be
    given), false_alarms (false positives a minute of video), script_f1 (what the public script makes of it).

    Args:
        truth: true intervals, see `mer.evaluation.spotting.matching`.
        found: spotted intervals in the same form.
        videos: columns `video`, `subject`, `seconds`.
        draws: bootstrap samples.
        seed: seed of the bootstrap.
    """
    rows = {}
    minutes = videos["seconds"].sum() / 60
    for name, kinds in GROUPS.items():
        matches = match_intervals(truth, found, videos, kinds)
        counts = matches.by_subject()
        total = counts.sum(axis=0)
        interval = bootstrap(f1, counts, draws=draws, seed=seed).interval
        rows[name] = {
            **dict(zip(("tp", "fp", "fn"), total.tolist(), strict=True)),
            **{score.__name__: float(score(total)) for score in (precision, recall, f1)},
            "f1_low": interval.low,
            "f1_high": interval.high,
            "false_alarms": total[1] / minutes,
            "script_f1": script_f1(truth, found, videos, kinds),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def spot_then_recognise(
    matches: Matches, truth: pd.DataFrame, found: pd.DataFrame, classes: Sequence[str], *, draws: int, seed: int
) -> dict[str, Score]:
    """Return `f1` of spotting, `analysis_f1` and `uf1` of what was spotted, and `strs`, each with an interval.

    Args:
        matches: of `truth` and `found`.
        truth: true intervals with their class in the column `label`.
        found: spotted intervals with the class they were taken for in the column `label`.
        classes: the K classes.
        draws: bootstrap samples.
        seed: seed of the bootstrap.
    """
    subjects = sorted(matches.counts["subject"].unique())
    confusions = np.zeros((len(subjects), len(classes), len(classes)), np.int64)
    if len(matches.pairs):
        true, said = truth.iloc[matches.pairs["truth"]], found.iloc[matches.pairs["found"]]
        people = [subjects.index(who) for who in matches.counts.loc[true["video"], "subject"]]
        place = np.array(people), encode_labels(true["label"], classes), encode_labels(said["label"], classes)
        np.add.at(confusions, place, 1)
    size = len(classes)
    joined = np.concatenate([matches.by_subject(), confusions.reshape(len(subjects), -1)], axis=1)

    def split(counts: npt.NDArray) -> tuple[npt.NDArray, npt.NDArray]:
        return counts[..., :3], counts[..., 3:].reshape(*counts.shape[:-1], size, size)

    def strs(counts: npt.NDArray) -> Scores:
        spotted, confusion = split(counts)
        analysed = analysis_f1(confusion)
        # true intervals of which none was spotted: nothing was recognised
        return f1(spotted) * np.where(confusion.sum(axis=(-2, -1)) > 0, analysed, 0.0)

    scores: dict[str, Callable[[npt.NDArray], Scores]] = {
        "f1": lambda counts: f1(split(counts)[0]),
        "analysis_f1": lambda counts: analysis_f1(split(counts)[1]),
        "uf1": lambda counts: uf1(split(counts)[1], allow_absent=True),
        "strs": strs,
    }
    return {name: bootstrap(score, joined, draws=draws, seed=seed) for name, score in scores.items()}


def bootstrap(score: Callable[[npt.NDArray], Scores], counts: npt.NDArray, *, draws: int, seed: int) -> Score:
    """Return a score of the counts (S, C) of S subjects with its interval over subjects."""
    value = float(score(counts.sum(axis=0)))
    if len(counts) < 2:
        return Score(value, Interval(None, None, 0.0))
    drawn = score(draw_subjects(len(counts), draws=draws, seed=seed) @ counts)
    return Score(value, score_interval(value, drawn, subjects=len(counts)))


def _ratio(above: npt.NDArray, below: npt.NDArray) -> Scores:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.asarray(below) > 0, np.asarray(above) / below, np.nan)
