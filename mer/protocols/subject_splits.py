"""Define the protocols that hold out subjects: `loso`, one at a time, and `kfold`, in parts with balanced classes.

Contract: each sample is tested exactly once, and no subject is both in training and in test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mer.config import ProtocolConfig
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.protocols.fold import PROTOCOLS, Fold, label_of_sample, leave_each_group_out, samples_by_subject


@PROTOCOLS.register("loso")
def leave_one_subject_out(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """Return one fold per subject, in natural order of dataset:subject (s2 before s10).

    Raises:
        SampleError: if there is only one subject, or two subjects give the same fold name.
    """
    groups = samples_by_subject(table)
    if len(groups) < 2:
        (subject,) = groups
        raise SampleError(
            f"{table.name}: expected two or more subjects for leave-one-subject-out, got one, {subject} "
            f"({len(table)} samples): check the subject column, or add the other subjects' clips"
        )
    folds = [Fold(name.replace(":", "-", 1), train, (), test) for name, train, test in leave_each_group_out(groups)]
    _check_names(folds, table.name)
    return folds


@PROTOCOLS.register("kfold")
def subject_kfold(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """Return `protocol.folds` folds of whole subjects, `fold-1` and so on, with class shares as equal as possible.

    The folds do not depend on the seed, so runs with different seeds test the same subjects together.

    Raises:
        SampleError: if there are fewer subjects than folds.
    """
    groups = samples_by_subject(table)
    parts = stratified_group_kfold(
        groups, label_of_sample(table), table.classes, parts=protocol.folds, source=table.name
    )
    merged = {f"fold-{k}": tuple(part) for k, part in enumerate(parts, 1)}
    return [Fold(name, train, (), test) for name, train, test in leave_each_group_out(merged)]


def stratified_group_kfold(
    groups: Mapping[str, Sequence[str]],
    label_of: Mapping[str, str],
    classes: Sequence[str],
    *,
    parts: int,
    source: str,
) -> list[list[str]]:
    """Return the samples of `parts` parts of whole groups, none empty, with class shares as equal as possible.

    The method is greedy. Groups with the most uneven class counts come first. Each group goes to the part that makes
    the shares of the classes over parts most equal; ties go to the smaller part. scikit-learn's `StratifiedGroupKFold`
    without shuffling does the same, and gives the same parts for groups and classes in the order given here.

    Args:
        groups: samples of each group (for example a subject); the order of groups decides ties.
        label_of: label by sample.
        classes: the class set; a class without samples has no effect.
        parts: number of parts, at least 2.
        source: name of the samples in messages.

    Raises:
        SampleError: if there are fewer groups than parts.
    """
    if len(groups) < parts:
        raise SampleError(
            f"{source}: expected {parts} subjects or more for {parts} parts of whole subjects, got {len(groups)}: "
            "lower protocol.folds (or protocol.inner of a nested search), or add subjects"
        )
    names = list(groups)
    place = {name: k for k, name in enumerate(classes)}
    counts = np.zeros((len(names), len(classes)))
    for row, name in enumerate(names):
        for sample in groups[name]:
            counts[row, place[label_of[sample]]] += 1
    counts = counts[:, counts.sum(axis=0) > 0]
    totals = counts.sum(axis=0)
    filled = np.zeros((parts, counts.shape[1]))
    chosen: list[list[str]] = [[] for _ in range(parts)]
    order = np.argsort(-counts.std(axis=1), kind="stable")
    for turn, row in enumerate(order):
        empty = [part for part in range(parts) if not chosen[part]]
        # the last groups fill the parts that are still empty; rounding could make the greedy rule leave one empty
        among = empty if len(order) - turn <= len(empty) else list(range(parts))
        best = _most_even(filled, counts[row], totals, among)
        filled[best] += counts[row]
        chosen[best].extend(groups[names[row]])
    return chosen


def _most_even(
    filled: npt.NDArray[np.float64], group: npt.NDArray[np.float64], totals: npt.NDArray[np.float64], among: list[int]
) -> int:
    """Return the part of `among` for the group: the one with least spread of class shares, then fewest samples."""
    best, least, fewest = among[0], np.inf, np.inf
    for part in among:
        after = filled.copy()
        after[part] += group
        spread = float((after / totals).std(axis=0).mean())
        size = float(after[part].sum())
        if spread < least or (np.isclose(spread, least) and size < fewest):
            best, least, fewest = part, spread, size
    return best


def _check_names(folds: list[Fold], source: str) -> None:
    names = [fold.name for fold in folds]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SampleError(
            f"{source}: expected fold names (data set and subject joined by '-') to be unique, got {', '.join(twice)} "
            "twice: rename the data set or the subject in one of them"
        )
