"""Map annotated emotions to classes: see `LabelSet`, `MEGC2019`, `OBJECTIVE`; build others with `emotion_labels`.

Contract: emotions are compared casefolded and after `ALIASES`. A word in neither `mapping` nor `excluded` is an error
and never dropped in silence. The usual label set of a data set is defined in the module of that set.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

#: Spelling in sheets -> canonical emotion. Copies of SAMM's sheet have `Other` or `Others`; CK+ and MUG have `happy`.
ALIASES = {
    "other": "others",
    "happy": "happiness",
    "sad": "sadness",
    "angry": "anger",
    "suprise": "surprise",
    "surprised": "surprise",
    "disgusted": "disgust",
    "fearful": "fear",
    **dict.fromkeys(("\u9ad8\u5174", "\u5feb\u4e50", "\u5f00\u5fc3"), "happiness"),
    **dict.fromkeys(("\u60ca\u8bb6", "\u60ca\u5947"), "surprise"),
    **dict.fromkeys(("\u5176\u4ed6", "\u5176\u5b83"), "others"),
    **dict.fromkeys(("\u6124\u6012", "\u751f\u6c14"), "anger"),
    **dict.fromkeys(("\u6050\u60e7", "\u5bb3\u6015"), "fear"),
    "\u60b2\u4f24": "sadness",
    "\u538c\u6076": "disgust",
    "\u8f7b\u8511": "contempt",
    "\u538b\u6291": "repression",
}

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII")


@dataclass(frozen=True)
class LabelSet:
    """Ordered classes, and the mapping of annotations onto them.

    Attributes:
        classes: names of the classes, in the order of every confusion matrix.
        mapping: canonical annotation -> class.
        excluded: annotations that are known and left out; "" leaves out rows without annotation.
        source: publication or protocol that defines the label set.
        column: annotation to read, "emotion" or "objective".
        published: number of samples per class in the official release; empty if unknown.
        releases: the same for other releases, by a part of their sheet's name, e.g. "20190701".
        note: a sentence for the notes of every table with these labels, "" for none. `{total}` is replaced by the
            number of clips, `{NAME}` by the number of clips of class NAME.
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
    """Return an emotion in lower case, trimmed, aliases resolved: ` Other ` -> `others`."""
    word = " ".join(unicodedata.normalize("NFKC", text).split()).casefold().strip(" .,;:\"'")
    return ALIASES.get(word, word)


def canonical_objective(text: str) -> str:
    """Return the Roman numeral of an objective class `III`, `iii`, `3` or `Class III`; other text in capitals."""
    word = re.sub(r"^class\s*", "", text.strip(), flags=re.IGNORECASE).upper()
    number = re.fullmatch(r"([1-7])(\.0+)?", word)
    return ROMAN[int(number.group(1)) - 1] if number else word


def identity_mapping(*classes: str) -> dict[str, str]:
    """Return the mapping of each class onto itself."""
    return {name: name for name in classes}


#: Three classes of MEGC 2019 over SMIC, CASME II and SAMM (See et al., "MEGC 2019", FG 2019).
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
    excluded: Collection[str] = (),
    published: Mapping[str, int] | None = None,
    releases: Mapping[str, Mapping[str, int]] | None = None,
) -> LabelSet:
    """Return a label set with annotated emotions as classes; `excluded` lists the emotions without a class."""
    mapping = identity_mapping(*classes)
    return LabelSet(classes, mapping, source, excluded, published=published or {}, releases=releases or {})


def three_classes(*known: str, published: Mapping[str, int] | None = None, note: str = "") -> LabelSet:
    """Return the three classes of MEGC 2019 over the emotions `known` in a set; those without a class are left out."""
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
