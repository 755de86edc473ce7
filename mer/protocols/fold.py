"""One training and its test, and the table of samples seen as people: what every protocol is made of.

Contract: pure functions; ids stand in natural order, so that the order of the table's rows does not matter.
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
    """One training and its test, as sample ids in natural order.

    Attributes:
        name: unique within the protocol; "dataset-subject" of the held-out person, or what else is held out.
        train: samples that move the weights; empty where a network is tested as it was handed on.
        validation: samples of other whole subjects that choose the epoch; empty when the epochs are fixed in advance.
        test: samples scored once, at the end.
    """

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


#: Protocol by its name in `protocol.name`: `(table, protocol, **options) -> folds`.
PROTOCOLS: Registry[Callable[..., list[Fold]]] = Registry("protocol", "mer.protocols")


def natural_key(text: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sort key under which digits count as numbers: s2 < s10 < t1; equal numbers with other padding are told apart."""
    parts = re.findall(r"\d+|\D+", text)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts), text


def label_of_sample(table: SampleTable) -> dict[str, str]:
    """Label by sample id."""
    return dict(zip(table.frame["sample_id"].tolist(), table.frame["label"].tolist(), strict=True))


def samples_by_subject(table: SampleTable) -> dict[str, tuple[str, ...]]:
    """Sample ids of each global subject dataset:subject; subjects and samples in natural order."""
    return _grouped(zip(table.subjects.tolist(), table.frame["sample_id"].tolist(), strict=True))


def samples_by_dataset(table: SampleTable) -> dict[str, tuple[str, ...]]:
    """Sample ids of each data set; data sets and samples in natural order."""
    return _grouped(zip(table.frame["dataset"].tolist(), table.frame["sample_id"].tolist(), strict=True))


def sorted_samples(*groups: Iterable[str]) -> tuple[str, ...]:
    """The samples of all groups in natural order."""
    return tuple(sorted((sample for group in groups for sample in group), key=natural_key))


def leave_each_group_out(groups: dict[str, tuple[str, ...]]) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Name of each group, the samples of all others, and its own, in the order of the groups."""
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
    """A sentence for each fold whose training part lacks a class: that class cannot be predicted there.

    No error, since in a real set one person may alone show an emotion; the pooled score counts those clips as missed.
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
