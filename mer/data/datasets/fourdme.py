"""Read 4DME: 267 micro-expression clips of 41 people, 60 fps, grey frames; a clip may have several labels.

Layout: `4DME_Labelling_Micro_release v1.xlsx` with sub_ID, fold_name, Emotion, Onset, Apex, Offset, AUs and one column
of flags per class; frames in `gray_micro/`. A clip with several labels becomes `mixed`, which the label sets leave out.
Source: Li, Cheng, Li, Behzad, Shen, Zafeiriou, Pantic, Zhao, "4DME", IEEE Trans. Affective Computing 2022.
"""

from __future__ import annotations

import re
from pathlib import Path

from mer.config import FolderData
from mer.data.loading import spreadsheets
from mer.data.loading.annotations import Annotations, clips_of_rows
from mer.data.loading.coding_sheets import Finder, SheetSet, find_sheet, frames_folder
from mer.data.loading.dataset_card import USUAL, DatasetCard, open_root
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.label_sets import canonical_emotion, emotion_labels, three_classes

_FIVE = ("negative", "positive", "surprise", "repression", "others")

CARD = DatasetCard(
    key="fourdme",
    title="4DME",
    expected_files=("4DME_Labelling_Micro_release v1.xlsx", "gray_micro/01/01_01/1.jpg"),
    how_to_get="ask the Center for Machine Vision and Signal Analysis, Oulu: oulu.fi/cmvs (signed licence).",
    label_sets={
        USUAL: emotion_labels(*_FIVE, source="the set's own five classes, clips with one label", excluded=("mixed",)),
        "megc2019": three_classes(*_FIVE, "mixed"),
    },
    people=41,
    totals={"": (267,)},
)

LAYOUT = SheetSet(
    sheet=r"4dme[-_ ]labell?ing[-_ ]micro.*",
    columns={
        "subject": ("sub_ID",),
        "clip": ("fold_name",),
        "onset": ("Onset",),
        "apex": ("Apex",),
        "offset": ("Offset",),
        "aus": ("AUs", "AU"),
        "emotion": ("Emotion",),
        **{label: (label,) for label in _FIVE},
    },
    optional=_FIVE,
    person=r"(?:sub|s)?[-_]?0*(\d+)",
    subject="{:02d}",
    frames={"": ("gray_micro", "micro/gray_micro", "gray_micro_crop", ".")},
    clip=("{person}/{clip}", "{clip}"),
    holds=r".*\d.*",
)


@DATASETS.register("fourdme", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the clips of 4DME below `data.root`; subjects are two digits; several labels become `mixed`.

    Raises:
        DatasetNotFoundError: folder, sheet or frames are missing.
        SampleError: the sheet cannot be read.
    """
    root = open_root(data, CARD)
    frames, read_from = frames_folder(root, data, CARD, LAYOUT)
    finder = Finder(frames, LAYOUT)
    sheet = find_sheet(root, LAYOUT.sheet, frames)
    if sheet is None:
        raise CARD.not_found(root, "the sheet 4DME_Labelling_Micro_release v1.xlsx")
    rows = spreadsheets.read_sheet(sheet, LAYOUT.columns, optional=LAYOUT.optional)
    one = [{**row, "emotion": _label(row)} for row in rows]
    reading = clips_of_rows(one, sheet, subject=LAYOUT.named, folder=finder.folder)
    doubts = tuple(doubt for row in rows if (doubt := _doubt(row)))
    notes = [f"Coding sheet: {sheet.name}.", read_from, *reading.notes]
    if doubts:
        notes.append(f"The text counts in {len(doubts)} rows whose flags say something else: {'; '.join(doubts)}.")
    return Annotations(reading.clips, sheet, tuple(notes), reading.errors, finder.unlisted(), doubts)


def _label(row: dict[str, object]) -> str:
    """Return the label of a row, "mixed" if the flags or the text give several."""
    flags, words = _flags(row), _words(row)
    if len(flags) > 1 or len(words) > 1:
        return "mixed"
    return words[0] if words else next(iter(flags), "")


def _flags(row: dict[str, object]) -> list[str]:
    """Return the labels with a flag of 1."""
    return [label for label in _FIVE if spreadsheets.text(row.get(label)) == "1"]


def _words(row: dict[str, object]) -> list[str]:
    """Return the labels in the text, as written."""
    return [word for word in re.split(r"[+,/&;]|\band\b", spreadsheets.text(row["emotion"])) if word.strip()]


def _doubt(row: dict[str, object]) -> str:
    """Return a description of flags that contradict the text of a row; "" if they agree or one of the two is empty."""
    flags, words = _flags(row), _words(row)
    if not flags or not words or set(flags) == {canonical_emotion(word) for word in words}:
        return ""
    return f"row {row['row']}, text {' + '.join(word.strip() for word in words)}, flags {' + '.join(flags)}"
