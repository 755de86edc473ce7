"""Label sets as data: which annotated emotion counts as which class, and where that mapping comes from.

Contract: emotions are compared casefolded and after `ALIASES`; a word in neither `of` nor `excluded` is an error, never
dropped in silence. What a single data set calls its usual classes stands in that set's own module.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

#: Spelling found in sheets -> canonical emotion. `Other`/`Others`: both occur in copies of SAMM's sheet; `happy`: CK+,
#: MUG.
ALIASES = {
    "other": "others",
    "happy": "happiness",
    "sad": "sadness",
    "angry": "anger",
    "suprise": "surprise",
    "surprised": "surprise",
    "disgusted": "disgust",
    "fearful": "fear",
}

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII")


@dataclass(frozen=True)
class LabelSet:
    """A fixed ordered class set and how annotations map onto it.

    Attributes:
        classes: in the order of every confusion matrix.
        of: canonical annotation -> class.
        left_out: annotations that the set knows and leaves out; "" among them leaves out rows without annotation.
        source: publication or protocol that defines it.
        column: annotation it reads, "emotion" or "objective".
        published: samples a class in the official release, to compare with; empty where unknown.
        releases: samples a class in other releases, by what the names of their sheets hold, e.g. "20190701".
        note: a sentence that every table under this set carries, "" for none; `{total}` and `{NAME}` stand for the
            number of clips, in all and of a class.
    """

    classes: tuple[str, ...]
    mapping: Mapping[str, str]
    source: str
    excluded: Collection[str] = ()
    column: str = "emotion"
    published: Mapping[str, int] = field(default_factory=dict)
    releases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    note: str = ""


def canonical_emotion(text: str) -> str:
    """Emotion in lower case, spaces trimmed, aliases resolved: ` Other ` -> `others`."""
    word = " ".join(text.split()).casefold()
    return ALIASES.get(word, word)


def canonical_objective(text: str) -> str:
    """Objective class as a Roman numeral, from `III`, `iii`, `3` or `Class III`; other text comes back trimmed."""
    word = re.sub(r"^class\s*", "", text.strip(), flags=re.IGNORECASE).upper()
    number = re.fullmatch(r"([1-7])(\.0+)?", word)
    return ROMAN[int(number.group(1)) - 1] if number else word


def identity_mapping(*classes: str) -> dict[str, str]:
    """Mapping of each class onto itself."""
    return {name: name for name in classes}


#: Composite protocol of MEGC 2019 (See et al., "MEGC 2019", FG 2019): three classes over SMIC, CASME II and SAMM.
MEGC2019 = LabelSet(
    classes=("negative", "positive", "surprise"),
    mapping={
        **dict.fromkeys(("disgust", "repression", "sadness", "anger", "contempt", "fear"), "negative"),
        "happiness": "positive",
        "surprise": "surprise",
    },
    excluded=("others",),
    source="MEGC 2019, composite database evaluation",
)


def emotion_labels(
    *classes: str,
    source: str,
    left_out: Collection[str] = (),
    published: Mapping[str, int] | None = None,
    releases: Mapping[str, Mapping[str, int]] | None = None,
) -> LabelSet:
    """Label set whose classes are annotated emotions themselves."""
    mapping = identity_mapping(*classes)
    return LabelSet(classes, mapping, source, left_out, published=published or {}, releases=releases or {})


def three_classes(*known: str, published: Mapping[str, int] | None = None, note: str = "") -> LabelSet:
    """The three classes of MEGC 2019 over the annotations that a data set knows; those without a class are left out."""
    of = {**MEGC2019.mapping, **identity_mapping(*MEGC2019.classes)}
    return replace(
        MEGC2019,
        mapping={emotion: of[emotion] for emotion in known if emotion in of},
        excluded=tuple(emotion for emotion in known if emotion not in of),
        source="the class map of MEGC 2019, applied to the emotions of this set",
        published=published or {},
        note=note,
    )


#: Classes by action units instead of self-report (Davison, Merghani, Yap 2018), as used by MEGC 2018: I..V of seven.
OBJECTIVE = LabelSet(
    classes=ROMAN[:5],
    mapping=identity_mapping(*ROMAN[:5]),
    excluded=("VI", "VII", ""),
    source="Davison, Merghani, Yap 2018, doi 10.3390/jimaging4100119; MEGC 2018",
    column="objective",
)
