"""The composite protocols of the Micro-Expression Grand Challenges of 2018 and 2019.

MEGC 2018 (Yap, See, Hong, Wang, FG 2018): CASME II and SAMM, objective classes I to V; CDE leaves one subject out, HDE
trains on one set and tests on the other, both ways. MEGC 2019 (See et al., FG 2019): SMIC, CASME II and SAMM, three
classes, leave one subject out. Counts that differ from the published ones are noted, not refused.
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
    """What a challenge published of its samples.

    Attributes:
        title: its name for people.
        data: choice of the group `data` that holds its samples.
        counts: data set -> class -> samples; recounted from public lists.
        subjects: data set -> people.
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
    """Composite evaluation of MEGC 2018: leave one subject out over both sets; 47 folds of 253 samples officially."""
    _check(table, MEGC2018)
    return leave_one_subject_out(table, protocol)


@PROTOCOLS.register("megc2018_hde")
def megc2018_hde(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """Holdout evaluation of MEGC 2018: CASME II to SAMM and SAMM to CASME II; the challenge averages both scores."""
    _check(table, MEGC2018)
    return leave_one_dataset_out(table, protocol)


@PROTOCOLS.register("megc2019")
def megc2019(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """Composite evaluation of MEGC 2019: leave one subject out over three sets; 68 folds of 442 samples officially."""
    _check(table, MEGC2019)
    return leave_one_subject_out(table, protocol)


#: Challenge of each protocol that follows one.
CHALLENGES = {"megc2018_cde": MEGC2018, "megc2018_hde": MEGC2018, "megc2019": MEGC2019}


def challenge_notes(table: SampleTable, protocol: str) -> list[str]:
    """A sentence where samples or people differ from what the challenge published; none for other protocols."""
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
    """SampleError where data sets or classes are not those of the challenge."""
    sets, wanted = sorted(table.frame["dataset"].unique()), sorted(challenge.counts)
    classes = tuple(next(iter(challenge.counts.values())))
    if sets != wanted or table.classes != classes:
        raise SampleError(
            f"{table.name}: {challenge.title} needs the data sets {', '.join(wanted)} with the classes "
            f"{', '.join(classes)}, got {', '.join(sets)} with {', '.join(table.classes)}. "
            f"Choose data={challenge.data}, or another protocol."
        )
