"""Read SMIC-E: long clips around the micro-expressions of SMIC (157 of HS, 71 of VIS and NIR), with onset and offset.

Layout: `HS_long/SMIC-HS-E/s01/s1_ne_01/image034013.jpg` and `SMIC-HS-E_annotation.xlsx` (or `_2019`) beside or inside
that folder. The sheet ends in empty rows, has text in some number cells and a second interval in some rows. Its clip
names have other padding than the folders. No apex. Source: Li, Hong, Moilanen, Huang, Pfister, Zhao, Pietikainen,
TAFFC 2018.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from mer.config import FolderData
from mer.data.loading import spreadsheets
from mer.data.loading.annotations import Annotations, clips_of_rows
from mer.data.loading.coding_sheets import Finder, SheetSet, find_sheet, frames_folder
from mer.data.loading.dataset_card import USUAL, DatasetCard, open_root
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.label_sets import LabelSet, identity_mapping

_CODES = {"ne": "negative", "po": "positive", "sur": "surprise"}
_CLASSES = tuple(_CODES.values())

CARD = DatasetCard(
    key="smic_e",
    title="SMIC-E",
    expected_files=("HS_long/SMIC-HS-E_annotation.xlsx", "HS_long/SMIC-HS-E/s01/s1_ne_01/image034013.jpg"),
    how_to_get="ask the Center for Machine Vision and Signal Analysis, Oulu: oulu.fi/cmvs/node/41319 (signed licence).",
    label_sets={
        USUAL: LabelSet(
            _CLASSES, identity_mapping(*_CLASSES), "the set's own classes, from the code in the clip's name"
        )
    },
    parts={
        "hs": "high speed, 100 fps, `SMIC-HS-E/`",
        "vis": "visible light, 25 fps, `SMIC-VIS-E/`",
        "nir": "near infrared, 25 fps, `SMIC-NIR-E/`",
    },
    counted=("hs",),
    # Long recordings; one may hold two micro-expressions.
    totals={"hs": (157,), "vis": (71,), "nir": (71,)},
    recordings=True,
    people=16,
)

#: Most intervals per row.
_MOST = 6
_NAMES = {2: "Second", 3: "Third", 4: "Fourth", 5: "Fifth", 6: "Sixth"}
_ORDINALS = {1: "st", 2: "nd", 3: "rd"}


def _further(end: str, k: int) -> tuple[str, ...]:
    """Return the headings of the k-th interval: `OnsetF2`, `Onset2F`, `2nd OnsetF`, `Second onset` and variants."""
    word = ("first", "second", "third", "fourth", "fifth", "sixth")[k - 1]
    first = [f"{k}{end}", f"{k}{_ORDINALS.get(k, 'th')}{end}", f"{word}{end}", f"{end}{word}"]
    own = [
        f"{end}{k}",
        f"{end}F{k}",
        f"{end}{k}F",
        f"{end}frame{k}",
        f"{end}{k}frame",
        f"{end}{k}{_ORDINALS.get(k, 'th')}",
    ]
    return tuple(f"{name}{tail}" for name in (*first, *own) for tail in ("", "F", "frame"))


_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetF", "Onset"),
    "offset": ("OffsetF", "Offset"),
    **{f"{end}{k}": _further(end, k) for k in range(2, _MOST + 1) for end in ("onset", "offset")},
}


def _layout(part: str) -> SheetSet:
    return SheetSet(
        sheet=rf"smic[-_ ]{part}[-_ ]e[-_ ]annotation.*",
        columns=_COLUMNS,
        optional=tuple(name for name in _COLUMNS if name[-1].isdecimal()),
        person=r"s0*(\d+)",
        subject="s{:02d}",
        frames={one: _places(one) for one in CARD.parts},
        clip=("{person}/{clip}",),
        unpadded=True,
    )


def _places(part: str) -> tuple[str, ...]:
    """Return the folders that may hold the frames of a part."""
    name = f"SMIC-{part.upper()}-E"
    places = (f"{part}_long/{name}/{part}", f"{part}_long/{name}", f"{name}/{part}", name, ".")
    return (*places, *(f"SMIC-E_raw image/{place}" for place in places[:-1]))


@DATASETS.register("smic_e", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the micro-expressions of SMIC-E below `data.root`, one clip per interval; subjects are `s03`.

    Raises:
        DatasetNotFoundError: folder, sheet or frames are missing.
        SampleError: the sheet cannot be read.
    """
    root, part = open_root(data, CARD), CARD.part(data)
    layout = _layout(part)
    frames, read_from = frames_folder(root, data, CARD, layout)
    finder = Finder(frames, layout)
    sheet = find_sheet(root, layout.sheet, frames)
    if sheet is None:
        raise CARD.not_found(root, f"the sheet SMIC-{part.upper()}-E_annotation.xlsx")
    notes = [f"Coding sheet: {sheet.name}.", read_from]
    rows = []
    for row in spreadsheets.read_sheet(sheet, layout.columns, optional=layout.optional):
        if not spreadsheets.text(row["subject"]) and not spreadsheets.text(row["clip"]):
            continue  # remarks below the table
        row["emotion"] = _emotion(spreadsheets.text(row["clip"]))
        rows.append(row)
        for k in range(2, _MOST + 1):
            further = _interval(row, k)
            if further:
                rows.append(further)
                notes.append(f"{_NAMES[k]} interval in row {row['row']}: a clip of its own.")
    reading = clips_of_rows(rows, sheet, subject=layout.named, folder=finder.folder)
    clips = tuple(replace(clip, clip=clip.folder.name if clip.folder.is_dir() else clip.clip) for clip in reading.clips)
    return replace(reading, clips=clips, notes=(*notes, *reading.notes), unlisted=finder.unlisted())


def _emotion(clip: str) -> str:
    """Return the class from the code in a clip's name: `s1_ne_01` -> negative, "" if there is none."""
    match = re.fullmatch(r"s\d+_(ne|po|sur)_\d+", clip, re.IGNORECASE)
    return _CODES[match.group(1).lower()] if match else ""


def _interval(row: dict[str, Any], k: int) -> dict[str, Any] | None:
    """Return the row of the k-th interval; None if its cells are empty or hold remarks."""
    try:
        onset, offset = spreadsheets.frame(row[f"onset{k}"]), spreadsheets.frame(row[f"offset{k}"])
    except ValueError:
        return None
    return {**row, "onset": onset, "offset": offset} if onset and offset else None
