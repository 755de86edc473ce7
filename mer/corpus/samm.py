"""SAMM: 159 micro-expressions of 28 or 29 people, 200 fps, grey.

Layout: `SAMM/006/006_1_2/006_05562.jpg` (4 or 5 digits by clip) and `SAMM_Micro_FACS_Codes_v2.xlsx`, whose header
stands below a block of notes. Labels are in Title Case, the rest class is `Other` or `Others`.
Source: Davison, Lansley, Costen, Tan, Yap, "SAMM: A Spontaneous Micro-Facial Movement Dataset", IEEE TAFFC 2018.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from mer.config import FolderData
from mer.corpus.assemble import table_of
from mer.corpus.clips_on_disk import clip_folder, find_file, find_folder, folders, numbered_folders
from mer.corpus.coded import coded_clips
from mer.corpus.labels import MEGC2019, OBJECTIVE, LabelSet, themselves
from mer.corpus.official import USUAL, Official, open_root
from mer.corpus.samples import SampleTable

_FIVE = ("anger", "happiness", "others", "surprise", "contempt")

CARD = Official(
    key="samm",
    title="SAMM",
    expects=("SAMM_Micro_FACS_Codes_v2.xlsx", "SAMM/006/006_1_2/006_05562.jpg"),
    apply="ask its authors, Davison et al., doi 10.1109/TAFFC.2016.2573832 (a signed licence is needed).",
    label_sets={
        USUAL: LabelSet(
            classes=_FIVE,
            of=themselves(*_FIVE),
            left_out=("disgust", "fear", "sadness"),
            source="the five largest classes, as in most single-database papers",
            # Counts reported for the release by public loaders.
            published={"anger": 57, "happiness": 26, "others": 26, "surprise": 15, "contempt": 12},
        ),
        # Counts of the official list of MEGC 2019.
        "megc2019": replace(MEGC2019, published={"negative": 92, "positive": 26, "surprise": 15}),
        # Recounted from a public list of MEGC 2018.
        "objective": replace(OBJECTIVE, published={"I": 24, "II": 13, "III": 20, "IV": 8, "V": 3}),
    },
)

_SHEET = re.compile(r"samm[-_ ]micro[-_ ]facs[-_ ]codes.*\.xlsx?", re.IGNORECASE)
_SUBJECT = re.compile(r"0*(\d+)")
_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("Onset Frame", "Onset"),
    "apex": ("Apex Frame", "Apex"),
    "offset": ("Offset Frame", "Offset"),
    "aus": ("Action Units",),
    "emotion": ("Estimated Emotion",),
    "objective": ("Objective Classes", "Objective Class"),
}


def load(data: FolderData, cache_dir: Path) -> SampleTable:
    """The samples of SAMM below `data.root`; subjects are three digits, `006`.

    Raises:
        DatasetNotFoundError: folder, sheet or frames are missing.
        SampleError: rows that cannot be used, or frames that are not on disk.
    """
    root = open_root(data, CARD)
    frames = find_folder(root, ("SAMM", "."), holds=_SUBJECT)
    if frames is None:
        raise CARD.not_found(root, "the folders of frames")
    sheet = find_file((root, *folders(root).values(), root.parent), _SHEET)
    if sheet is None:
        raise CARD.not_found(root, "the sheet SAMM_Micro_FACS_Codes_v2.xlsx")
    people = numbered_folders(frames, _SUBJECT)
    clips = coded_clips(
        sheet,
        _COLUMNS,
        optional=("objective",),
        subject=_subject,
        folder=lambda subject, clip: clip_folder(people.get(int(subject), frames / subject), clip),
    )
    return table_of(clips, data, CARD, origin=sheet)


def _subject(text: str) -> str | None:
    match = _SUBJECT.fullmatch(text)
    return f"{int(match.group(1)):03d}" if match else None
