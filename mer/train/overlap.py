"""Samples beside the protocol's own (of a stage, of co-training), and which of them show people that are tested.

Contract: pure functions of the tables and the bytes of their key frames. One clip of a person that meets the tested
data by subject, sample id or picture bars all clips of that person: a copy under another name is the same person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mer.corpus.checks import IMAGE_COLUMNS
from mer.corpus.samples import SampleTable
from mer.provenance import picture_hash


@dataclass(frozen=True)
class Samples:
    """A table with its inputs.

    Attributes:
        table: one row a clip.
        pixels: network inputs (N, C, H, W), row i for row i of the table.
    """

    table: SampleTable
    pixels: np.ndarray

    @cached_property
    def pictures(self) -> tuple[frozenset[str], ...]:
        """Hashes of each row's key-frame images; none for a drawn row without files."""
        columns = self.table.frame[list(IMAGE_COLUMNS)].to_numpy(dtype=object)
        return tuple(frozenset(picture_hash(path) for path in row if path) for row in columns)


def people_in_both(other: Samples, own: Samples, tested: Iterable[str]) -> dict[str, str]:
    """Subjects of `other` who are among the tested samples of `own`, each with the reason.

    Args:
        other: samples that are to train a network.
        own: the samples of the protocol.
        tested: ids of those of them that the network must not have seen.
    """
    ids = set(tested)
    rows = np.flatnonzero(own.table.frame["sample_id"].isin(ids).to_numpy())
    subjects = set(own.table.subjects.iloc[rows])
    pictures = frozenset[str]().union(*(own.pictures[row] for row in rows))
    found: dict[str, str] = {}
    listed = zip(other.table.subjects, other.table.frame["sample_id"], other.pictures, strict=True)
    for subject, sample, shown in listed:
        if subject in subjects:
            found.setdefault(subject, "the same subject id")
        elif sample in ids:
            found.setdefault(subject, f"the same sample id {sample}")
        elif shown & pictures:
            found.setdefault(subject, f"the same picture in {sample}")
    return found


def allowed(other: Samples, barred: Iterable[str]) -> tuple[str, ...]:
    """Ids of the samples of `other` of subjects who are not barred, in the table's order."""
    free = ~other.table.subjects.isin(set(barred))
    return tuple(other.table.frame["sample_id"][free])
