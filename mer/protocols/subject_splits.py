"""Define the protocols that hold out subjects: `loso`, one at a time, and `kfold`, in parts with balanced classes.

Contract: each sample is tested exactly once, and no subject is both in training and in test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

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

    This is scikit-learn's `StratifiedGroupKFold` without shuffling, for groups and classes in the order given here. It
    assigns the groups with the most uneven class counts first; each goes to the part that makes the shares of the
    classes over parts most equal.

    Args:
        groups: samples of each group (for example a subject); the order of groups decides ties.
        label_of: label by sample.
        classes: the class set; a class without samples has no effect.
        parts: number of parts, at least 2.
        source: name of the samples in messages.

    Raises:
        SampleError: if there are fewer groups than parts.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # takes a second to import

    if len(groups) < parts:
        raise SampleError(
            f"{source}: expected {parts} subjects or more for {parts} parts of whole subjects, got {len(groups)}: "
            "lower protocol.folds (or protocol.inner of a nested search), or add subjects"
        )
    place = {name: k for k, name in enumerate(classes)}
    group_of = np.array([k for k, name in enumerate(groups) for _ in groups[name]])
    labels = np.array([place[label_of[sample]] for name in groups for sample in groups[name]])
    # scikit-learn refuses labels that are all rarer than parts; repeating by a power of two changes no share of a class
    repeats = 1 << (parts - 1).bit_length()
    repeated = np.repeat(group_of, repeats)
    splits = StratifiedGroupKFold(parts).split(repeated, np.repeat(labels, repeats), repeated)
    chosen = [np.unique(repeated[rows]).tolist() for _, rows in splits]
    for part in chosen:
        if not part:  # rounding errors can leave a part empty
            part.append(max(chosen, key=len).pop())
    uneven = pd.crosstab(group_of, labels).to_numpy().std(axis=1)
    ids = list(groups.values())
    return [[s for k in sorted(part, key=lambda k: -uneven[k]) for s in ids[k]] for part in chosen]


def _check_names(folds: list[Fold], source: str) -> None:
    names = [fold.name for fold in folds]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SampleError(
            f"{source}: expected fold names (data set and subject joined by '-') to be unique, got {', '.join(twice)} "
            "twice: rename the data set or the subject in one of them"
        )
