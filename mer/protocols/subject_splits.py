"""Protocols that hold out people: one at a time, or in k parts of whole people with even classes.

Contract: every sample is tested exactly once and no person stands on two sides of a fold.
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
    """One fold a subject, in natural order of dataset:subject (s2 before s10); SampleError for one subject only."""
    groups = samples_by_subject(table)
    if len(groups) < 2:
        (subject,) = groups
        raise SampleError(
            f"{table.name}: leave-one-subject-out needs two or more subjects, got one: {subject} "
            f"({len(table)} samples). Look at the subject column, or add the other subjects' clips."
        )
    folds = [Fold(name.replace(":", "-", 1), train, (), test) for name, train, test in leave_each_group_out(groups)]
    _check_names(folds, table.name)
    return folds


@PROTOCOLS.register("kfold")
def subject_kfold(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """`protocol.folds` folds of whole subjects with class shares as even as subjects allow, named `fold-1` and so on.

    The same for every seed, so that runs with several seeds test the same people together. SampleError where there
    are fewer subjects than folds.
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
    """Samples of `parts` parts of whole groups, class shares as even as groups allow, no part empty.

    Greedy: groups with the most uneven class counts come first, and each goes where the shares of the classes over
    parts end up most even; ties go to the smaller part. That is what scikit-learn's `StratifiedGroupKFold` does
    without shuffling, and with groups and classes in the order given here both give the same parts.

    Args:
        groups: samples of each group, e.g. subject, in the order that breaks ties.
        label_of: label by sample.
        classes: the class set; one that no group holds counts for nothing.
        parts: how many, at least 2.
        source: what the samples are called in messages.

    Raises:
        SampleError: fewer groups than parts.
    """
    if len(groups) < parts:
        raise SampleError(
            f"{source}: {parts} parts of whole subjects need as many subjects, got {len(groups)}. "
            "Ask for fewer (protocol.folds, or protocol.inner of a nested search), or add subjects."
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
        # the last groups fill what is still empty; the greedy rule alone could be misled by rounding
        among = empty if len(order) - turn <= len(empty) else list(range(parts))
        best = _most_even(filled, counts[row], totals, among)
        filled[best] += counts[row]
        chosen[best].extend(groups[names[row]])
    return chosen


def _most_even(
    filled: npt.NDArray[np.float64], group: npt.NDArray[np.float64], totals: npt.NDArray[np.float64], among: list[int]
) -> int:
    """The part of `among` that should take the group: least spread of class shares, then fewest samples."""
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
            f"{source}: two subjects share the fold name {', '.join(twice)} (data set and subject joined by '-'): "
            "rename the data set or the subject in one of them."
        )
