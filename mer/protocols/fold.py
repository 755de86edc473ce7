"""Define `Fold`, the registry `PROTOCOLS`, and the functions on sample tables that all protocols use.

Contract: pure functions; ids are returned in natural order, so the order of the table's rows does not matter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

from mer.data.samples.table import SampleTable
from mer.utils.registry import Registry


@dataclass(frozen=True)
class Fold:
    """Store the training, validation and test samples of one training, as sample ids in natural order.

    Attributes:
        name: unique within the protocol; "dataset-subject" of the held-out subject, or the name of another test part.
        train: training samples; empty if a pretrained network is tested without training.
        validation: samples of other whole subjects that select the epoch; empty if the number of epochs is fixed.
        test: samples tested once, after training.
    """

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


#: Protocol function `(table, protocol, **options) -> folds` by its name in `protocol.name`.
PROTOCOLS: Registry[Callable[..., list[Fold]]] = Registry("protocol", "mer.protocols")


def natural_key(text: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Return a sort key that compares digits as numbers, s2 < s10 < t1; keys of s2 and s02 differ."""
    parts = re.findall(r"\d+|\D+", text)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts), text


def label_of_sample(table: SampleTable) -> dict[str, str]:
    """Return the labels by sample id."""
    return dict(zip(table.frame["sample_id"].tolist(), table.frame["label"].tolist(), strict=True))


def samples_by_subject(table: SampleTable) -> dict[str, tuple[str, ...]]:
    """Return the sample ids by subject (dataset:subject); subjects and samples are in natural order."""
    return _grouped(zip(table.subjects.tolist(), table.frame["sample_id"].tolist(), strict=True))


def samples_by_dataset(table: SampleTable) -> dict[str, tuple[str, ...]]:
    """Return the sample ids by data set; data sets and samples are in natural order."""
    return _grouped(zip(table.frame["dataset"].tolist(), table.frame["sample_id"].tolist(), strict=True))


def sorted_samples(*groups: Iterable[str]) -> tuple[str, ...]:
    """Return the samples of all groups in natural order."""
    return tuple(sorted((sample for group in groups for sample in group), key=natural_key))


def leave_each_group_out(groups: dict[str, tuple[str, ...]]) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """For each group, in order, return (name, samples of all other groups, samples of the group)."""
    everything = sorted_samples(*groups.values())
    parts = []
    for name, test in groups.items():
        inside = set(test)
        parts.append((name, tuple(sample for sample in everything if sample not in inside), test))
    return parts


def fold_errors(table: SampleTable, folds: list[Fold]) -> list[str]:
    """Return what no protocol may do: test what it trains or chooses on, test twice, name two folds alike.

    Whether a person stands on two sides of a fold is the question of the leak audit, which knows other spellings.
    """
    if not folds:
        return ["expected at least one fold, got no folds"]
    known, tested = set(table.frame["sample_id"]), dict[str, str]()
    found = [
        f"expected folds of different names, got the name {name} twice" for name in _repeated(f.name for f in folds)
    ]
    for fold in folds:
        parts = {"trains": fold.train, "chooses": fold.validation, "is tested": fold.test}
        strange = [sample for part in parts.values() for sample in part if sample not in known]
        found += [f"fold {fold.name}: {sample} is no sample of {table.name}" for sample in strange[:1]]
        for does, part in parts.items():
            found += [f"fold {fold.name}: {sample} {does} twice" for sample in _repeated(part)[:1]]
        for (does, part), (other, rest) in combinations(parts.items(), 2):
            both = sorted(set(part) & set(rest))
            found += [f"fold {fold.name}: {sample} {does} and {other}" for sample in both[:1]]
        if not fold.test:
            found.append(f"fold {fold.name} tests nothing")
        again = [sample for sample in fold.test if sample in tested]
        found += [f"{sample} is tested by fold {tested[sample]} and by fold {fold.name}" for sample in again[:1]]
        tested |= dict.fromkeys(fold.test, fold.name)
    return found


def _repeated(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def fold_notes(table: SampleTable, folds: list[Fold]) -> list[str]:
    """Return a note for each fold whose training part lacks a class, since it cannot predict that class.

    This is not an error: in a real data set only one subject may show an emotion. The pooled score counts these clips
    as errors.
    """
    label_of = label_of_sample(table)
    notes = []
    for fold in folds:
        lacking = [label for label in table.classes if label not in {label_of[sample] for sample in fold.train}]
        if fold.train and lacking:
            notes.append(
                f"Fold {fold.name} trains without any sample of {', '.join(lacking)}: it cannot predict that class."
            )
    return notes


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    for group, sample in pairs:
        groups.setdefault(group, []).append(sample)
    return {group: tuple(sorted(groups[group], key=natural_key)) for group in sorted(groups, key=natural_key)}
