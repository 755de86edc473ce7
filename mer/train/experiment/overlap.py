"""Samples beside the protocol's own (of a stage, of co-training), and which of them show people that are tested.

Contract: pure functions of the tables and the bytes of their key frames. One clip of a person that meets the tested
data by subject (in whatever spelling), sample id or picture bars all clips of that person: a copy under another name is
the same person.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mer.data.samples.identity import people_of, person_key
from mer.data.samples.table import SampleTable
from mer.inputs.prepared_samples import PreparedSamples


def person_code(dataset: str, subject: str) -> str:
    """Return a text that is one for all spellings of a person: `S01`, `s1` and `s001` of `CASME II` and `casme2`."""
    return f"{people_of(dataset)}:{person_key(subject)}"


def codes_of(subjects: Iterable[str]) -> frozenset[str]:
    """Return `person_code` of each "dataset:subject"; what stands behind the first colon is the subject."""
    return frozenset(person_code(dataset, name) for dataset, _, name in (one.partition(":") for one in subjects))


def person_codes(table: SampleTable) -> np.ndarray:
    """Return `person_code` of each row, text (N,)."""
    return np.array([person_code(*row) for row in zip(table.frame["dataset"], table.frame["subject"], strict=True)])


def shared_subjects(other: PreparedSamples, own: PreparedSamples, tested: Iterable[str]) -> dict[str, str]:
    """Return the subjects of `other` that are among the tested samples of `own`, each with the reason.

    Args:
        other: samples that may train a network.
        own: the samples of the protocol.
        tested: ids of samples of `own` that must not train the network.
    """
    ids = set(tested)
    rows = np.flatnonzero(own.table.frame["sample_id"].isin(ids).to_numpy())
    subjects = set(own.table.subjects.iloc[rows])
    codes = set(person_codes(own.table)[rows])
    pictures = frozenset[str]().union(*(own.pictures[row] for row in rows))
    found: dict[str, str] = {}
    frame = other.table.frame
    listed = zip(other.table.subjects, person_codes(other.table), frame["sample_id"], other.pictures, strict=True)
    for subject, code, sample, shown in listed:
        if subject in subjects:
            found.setdefault(subject, "the same subject id")
        elif code in codes:
            found.setdefault(subject, "the same subject id in another spelling")
        elif sample in ids:
            found.setdefault(subject, f"the same sample id {sample}")
        elif shown & pictures:
            found.setdefault(subject, f"the same picture in {sample}")
    return found


def samples_without(other: PreparedSamples, barred: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of the samples of `other` whose subjects are not barred in any spelling, in table order."""
    free = ~np.isin(person_codes(other.table), sorted(codes_of(barred)))
    return tuple(other.table.frame["sample_id"][free])
