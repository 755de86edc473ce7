"""Folds: which samples train, which choose the epoch, which are tested, by whole subjects.

Contract: pure functions of the sample table, the protocol and the seed; nothing here knows of pixels or models. The
order of the table's rows does not matter, every sample is tested exactly once, and no subject stands on two sides of a
fold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from mer.config import ProtocolConfig
from mer.corpus.samples import SampleTable
from mer.errors import ConfigError, SampleError
from mer.provenance import seed_from


@dataclass(frozen=True)
class Fold:
    """One training and its test, as sample ids in natural order.

    Attributes:
        name: unique within the protocol; "dataset-subject" of the held-out person.
        train: samples that move the weights.
        validation: samples of other whole subjects that choose the epoch; empty when the epochs are fixed in advance.
        test: samples scored once, at the end.
    """

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def leave_one_subject_out(table: SampleTable) -> list[Fold]:
    """One fold a subject, in natural order of dataset:subject (s2 before s10); SampleError for one subject only."""
    groups = _samples_by_subject(table)
    if len(groups) < 2:
        (subject,) = groups
        raise SampleError(
            f"{table.name}: leave-one-subject-out needs two or more subjects, got one: {subject} "
            f"({len(table)} samples). Look at the subject column, or add the other subjects' clips."
        )
    everything = sorted(table.frame["sample_id"], key=natural)
    folds = []
    for subject, test in groups.items():
        held_out = set(test)
        train = tuple(sample for sample in everything if sample not in held_out)
        folds.append(Fold(subject.replace(":", "-", 1), train, (), test))
    _check_names(folds, table.name)
    return folds


#: Protocol by its name in `protocol.name`.
PROTOCOLS: dict[str, Callable[[SampleTable], list[Fold]]] = {"loso": leave_one_subject_out}


def problems(protocol: ProtocolConfig) -> list[str]:
    """What is wrong with the protocol's configuration, one sentence each."""
    found = []
    if protocol.name not in PROTOCOLS:
        found.append(f"protocol.name: expected one of {', '.join(PROTOCOLS)}, got {protocol.name!r}")
    if not 0 <= protocol.validation < 1:
        found.append(
            f"protocol.validation: expected a share of the training subjects, 0 <= share < 1, got {protocol.validation}"
        )
    return found


def make_folds(table: SampleTable, protocol: ProtocolConfig, seed: int) -> list[Fold]:
    """The folds of a protocol, with its inner validation split where one is asked for.

    Args:
        table: the samples.
        protocol: name, and share of training subjects for validation.
        seed: of the run; with the fold's name it decides which subjects validate, so another fold changes nothing here.

    Raises:
        ConfigError: an unknown protocol or an impossible share.
        SampleError: too few subjects.
    """
    wrong = problems(protocol)
    if wrong:
        raise ConfigError(wrong)
    folds = PROTOCOLS[protocol.name](table)
    if protocol.validation == 0:
        return folds
    return [_with_validation(fold, table, share=protocol.validation, seed=seed) for fold in folds]


def fold_notes(table: SampleTable, folds: list[Fold]) -> list[str]:
    """A sentence for each fold whose training part lacks a class: that class cannot be predicted there.

    No error, since in a real set one person may alone show an emotion; the pooled score counts those clips as missed.
    """
    label_of = _labels(table)
    notes = []
    for fold in folds:
        lacking = [label for label in table.classes if label not in {label_of[sample] for sample in fold.train}]
        if lacking:
            notes.append(
                f"Fold {fold.name} trains without any sample of {', '.join(lacking)}: it cannot predict that class."
            )
    return notes


def natural(text: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sort key under which digits count as numbers: s2 < s10 < t1; equal numbers with other padding are told apart."""
    parts = re.findall(r"\d+|\D+", text)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts), text


def _labels(table: SampleTable) -> dict[str, str]:
    return dict(zip(table.frame["sample_id"].tolist(), table.frame["label"].tolist(), strict=True))


def _samples_by_subject(table: SampleTable) -> dict[str, tuple[str, ...]]:
    """Sample ids of each global subject; subjects and samples in natural order."""
    groups: dict[str, list[str]] = {}
    for subject, sample in zip(table.subjects.tolist(), table.frame["sample_id"].tolist(), strict=True):
        groups.setdefault(subject, []).append(sample)
    return {subject: tuple(sorted(groups[subject], key=natural)) for subject in sorted(groups, key=natural)}


def _check_names(folds: list[Fold], source: str) -> None:
    names = [fold.name for fold in folds]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SampleError(
            f"{source}: two subjects share the fold name {', '.join(twice)} (data set and subject joined by '-'): "
            "rename the data set or the subject in one of them."
        )


def _with_validation(fold: Fold, table: SampleTable, *, share: float, seed: int) -> Fold:
    """The fold with `share` of its training subjects (at least one, never all) moved to validation.

    Subjects are ranked by a hash of seed, fold and own name, so that one person more moves few others in or out. A
    subject who alone shows a class stays in training, so the part can be smaller than asked; if all are such, the
    first one goes.
    """
    label_of, in_train = _labels(table), set(fold.train)
    groups = {s: ids for s, ids in _samples_by_subject(table).items() if ids[0] in in_train}
    if len(groups) < 2:
        raise SampleError(
            f"{table.name}: fold {fold.name} has {len(groups)} training subject; "
            f"protocol.validation={share} needs two or more. Set protocol.validation=0, or add subjects."
        )
    wanted = min(max(1, round(share * len(groups))), len(groups) - 1)
    ranked = sorted(groups, key=lambda subject: (seed_from(seed, "validation", fold.name, subject), subject))
    left = Counter(label_of[sample] for sample in fold.train)
    chosen: list[str] = []
    for subject in ranked:
        taken = Counter(label_of[sample] for sample in groups[subject])
        if len(chosen) < wanted and all(left[label] > count for label, count in taken.items()):
            chosen.append(subject)
            left -= taken
    held = {sample for subject in chosen or ranked[:1] for sample in groups[subject]}
    train = tuple(sample for sample in fold.train if sample not in held)
    return replace(fold, train=train, validation=tuple(sample for sample in fold.train if sample in held))
