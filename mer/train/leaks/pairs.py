"""Find pairs of rows that show one clip under two names, or one person under two ids.

Contract: depends on tables, inputs and file contents only; folds play no role here. Rows of one person give no pair,
since the ids already tell this and no protocol separates them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np

from mer.data.samples.fingerprints import is_same_still, near_duplicate_pairs
from mer.data.samples.table import SampleTable
from mer.inputs.cache.fingerprints import key_frame_prints
from mer.inputs.frames.image_files import read_image
from mer.inputs.prepared_samples import PreparedSamples
from mer.train.experiment.overlap import person_codes

#: A clip that looks like clips of this many other people, and of this share of them, shows a shared background.
COMMON_PEOPLE, COMMON_SHARE = 3, 0.5


@dataclass(frozen=True)
class Pair:
    """Row `a` of one table and row `b` of another, or of the same one with a < b, and how they are alike."""

    a: int
    b: int
    how: str


def identical_pairs(samples: PreparedSamples) -> list[Pair]:
    """Return pairs of rows of two people with equal key-frame files, or equal inputs that are not constant."""
    subjects = samples.table.subjects.tolist()
    found: dict[tuple[int, int], str] = {}
    for how, keys in (("equal files", samples.pictures), ("equal inputs", _inputs(samples.inputs))):
        groups: dict[str, list[int]] = {}
        for row, values in enumerate(keys):
            for value in values:
                groups.setdefault(value, []).append(row)
        for rows in groups.values():
            for a, b in combinations(rows, 2) if len(rows) > 1 else ():
                if subjects[a] != subjects[b]:
                    found.setdefault((a, b), how)
    return [Pair(a, b, how) for (a, b), how in found.items()]


def near_duplicate_rows(samples: PreparedSamples, cache: Path) -> list[Pair]:
    """Return pairs of rows of two people that look and move alike, but for those that share a background only.

    A copy looks like the clip of one other person; a clip that looks like those of most people shows a background that
    all of them have.
    """
    subjects = samples.table.subjects.tolist()
    pairs = list(_near(samples.table, samples.table, cache))
    alike: dict[int, set[str]] = {}
    for pair in pairs:
        alike.setdefault(pair.a, set()).add(subjects[pair.b])
        alike.setdefault(pair.b, set()).add(subjects[pair.a])
    most = max(COMMON_PEOPLE, (len(set(subjects)) - 1) * COMMON_SHARE)
    return [pair for pair in pairs if min(len(alike[pair.a]), len(alike[pair.b])) < most]


def identical_across(other: PreparedSamples, own: PreparedSamples) -> list[Pair]:
    """Return pairs (row of another source, row of the run's own) with the same person or an equal input."""
    people: dict[str, list[int]] = {}
    for row, code in enumerate(person_codes(own.table)):
        people.setdefault(code, []).append(row)
    inputs = {value: row for row, values in enumerate(_inputs(own.inputs)) for value in values}
    found = [Pair(a, b, "one person") for a, code in enumerate(person_codes(other.table)) for b in people.get(code, ())]
    for a, values in enumerate(_inputs(other.inputs)):
        found += [Pair(a, inputs[value], "equal inputs") for value in values if value in inputs]
    return found


def near_duplicates_across(other: PreparedSamples, own: PreparedSamples, cache: Path) -> list[Pair]:
    """Pairs of a row of another source and a row of the run's own that look and move alike."""
    if not any(other.pictures):
        return []
    return list(_near(other.table, own.table, cache))


def _near(left: SampleTable, right: SampleTable, cache: Path) -> Iterator[Pair]:
    """By look and change; by look alone, more strictly, where one of the two has no change, as stills have none.

    Of a table with itself, pairs of two people, each once.
    """
    prints, others = key_frame_prints(left, cache), key_frame_prints(right, cache)
    people = left.subjects.tolist()

    def counts(a: int, b: int) -> bool:
        return left is not right or (a < b and people[a] != people[b])

    for a, b, distance in near_duplicate_pairs(prints[:2], others[:2], views=prints.views):
        if counts(a, b):
            yield Pair(a, b, f"{distance:.1%} of the look's bits differ, the change is alike")
    lacking = [np.array([change is None for change in changes]) for changes in (prints.changes, others.changes)]
    if not (lacking[0].any() or lacking[1].any()):
        return
    files = [table.frame["apex_path"].tolist() for table in (left, right)]
    read = lru_cache(maxsize=64)(read_image)
    for a, b, distance in near_duplicate_pairs((prints[0], None), (others[0], None)):
        if not (counts(a, b) and (lacking[0][a] or lacking[1][b])):
            continue
        if is_same_still(read(files[0][a]), read(files[1][b])):
            yield Pair(a, b, f"{distance:.1%} of the look's bits differ, stills")


def _inputs(inputs: np.ndarray) -> list[tuple[str, ...]]:
    """Return the hash of each row's input; () if the input is constant."""
    rows = (np.ascontiguousarray(row) for row in inputs)
    return [() if row.min() == row.max() else (hashlib.blake2b(row.data, digest_size=16).hexdigest(),) for row in rows]
