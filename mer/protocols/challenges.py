"""Define the composite protocols of the Micro-Expression Grand Challenges of 2018 and 2019.

MEGC 2018 (Yap, See, Hong, Wang, FG 2018) uses CASME II and SAMM with the objective classes I to V. Its CDE leaves one
subject out; its HDE trains on one data set and tests on the other, in both directions. MEGC 2019 (See et al., FG 2019)
uses SMIC, CASME II and SAMM with three classes and leaves one subject out. If the numbers of samples differ from the
published ones, a note says so, but the protocol runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mer.config import ProtocolConfig
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.protocols.dataset_splits import leave_one_dataset_out
from mer.protocols.fold import PROTOCOLS, Fold
from mer.protocols.subject_splits import leave_one_subject_out


@dataclass(frozen=True)
class Challenge:
    """Store the published numbers of samples and subjects of a challenge.

    Attributes:
        title: name of the challenge for readers.
        data: choice of the configuration group `data` with its samples.
        counts: data set -> class -> number of samples; recounted from public lists.
        subjects: data set -> number of subjects.
    """

    title: str
    data: str
    counts: Mapping[str, Mapping[str, int]]
    subjects: Mapping[str, int]


MEGC2018 = Challenge(
    title="MEGC 2018",
    data="megc2018",
    counts={
        "casme2": {"I": 25, "II": 15, "III": 99, "IV": 26, "V": 20},
        "samm": {"I": 24, "II": 13, "III": 20, "IV": 8, "V": 3},
    },
    subjects={"casme2": 26, "samm": 21},
)
MEGC2019 = Challenge(
    title="MEGC 2019",
    data="megc2019",
    counts={
        "casme2": {"negative": 88, "positive": 32, "surprise": 25},
        "samm": {"negative": 92, "positive": 26, "surprise": 15},
        "smic": {"negative": 70, "positive": 51, "surprise": 43},
    },
    subjects={"casme2": 24, "samm": 28, "smic": 16},
)


@PROTOCOLS.register("megc2018_cde")
def megc2018_cde(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """Return the folds of MEGC 2018 CDE: leave one subject out over two data sets, officially 47 folds, 253 samples."""
    _check(table, MEGC2018)
    return leave_one_subject_out(table, protocol)


@PROTOCOLS.register("megc2018_hde")
def megc2018_hde(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """Return the folds of MEGC 2018 HDE: CASME II to SAMM and SAMM to CASME II; the challenge averages both scores."""
    _check(table, MEGC2018)
    return leave_one_dataset_out(table, protocol)


@PROTOCOLS.register("megc2019")
def megc2019(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """Return the folds of MEGC 2019: leave one subject out over three data sets, officially 68 folds, 442 samples."""
    _check(table, MEGC2019)
    return leave_one_subject_out(table, protocol)


#: Challenge of each protocol that follows one.
CHALLENGES = {"megc2018_cde": MEGC2018, "megc2018_hde": MEGC2018, "megc2019": MEGC2019}


def challenge_notes(table: SampleTable, protocol: str) -> list[str]:
    """Return a note if samples or subjects differ from the published numbers of the challenge, else an empty list."""
    challenge = CHALLENGES.get(protocol)
    if challenge is None:
        return []
    counts, subjects = table.counts(), table.subjects.groupby(table.frame["dataset"]).nunique()
    differing = [
        f"{dataset} {label} {counts[dataset][label]} instead of {wanted}"
        for dataset, classes in challenge.counts.items()
        for label, wanted in classes.items()
        if counts[dataset][label] != wanted
    ]
    differing += [
        f"{dataset} {subjects[dataset]} subjects instead of {wanted}"
        for dataset, wanted in challenge.subjects.items()
        if subjects[dataset] != wanted
    ]
    if not differing:
        return []
    whole = sum(count for classes in challenge.counts.values() for count in classes.values())
    return [
        f"Not the sample set of {challenge.title}: {len(table)} samples instead of {whole} ({', '.join(differing)}), "
        "so scores are not strictly comparable with published ones. data.list=FILE takes the official list."
    ]


def _check(table: SampleTable, challenge: Challenge) -> None:
    """Raise a SampleError unless data sets and classes are those of the challenge."""
    sets, wanted = sorted(table.frame["dataset"].unique()), sorted(challenge.counts)
    classes = tuple(next(iter(challenge.counts.values())))
    if sets != wanted or table.classes != classes:
        raise SampleError(
            f"{table.name}: {challenge.title} expected the data sets {', '.join(wanted)} with the classes "
            f"{', '.join(classes)}, got {', '.join(sets)} with {', '.join(table.classes)}: "
            f"choose data={challenge.data}, or another protocol"
        )
