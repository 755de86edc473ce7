"""Invented clips for the tests of loaders: flat grey frames whose level tells the frame number; and their trees."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openpyxl

from mer.config import FolderData
from mer.data import registry as catalog
from mer.data.samples.table import SampleTable
from mer.data.synthetic.layouts.registry import LayoutClip

Tree = Callable[[str], Path]

EMOTIONS = {
    "samm": ("anger", "happiness", "others", "surprise", "contempt"),
    "casme2": ("others", "disgust", "happiness", "repression", "surprise"),
    "smic": ("negative", "positive", "surprise"),
}
SUBJECTS = {"samm": "{:03d}", "casme2": "sub{:02d}", "smic": "s{:02d}"}
SHEETS = {"samm": "SAMM_Micro_FACS_Codes_v2.xlsx", "casme2": "CASME2-coding-20140508.xlsx"}
#: Row of the first clip in the sheet.
ROWS = {"samm": 15, "casme2": 2}
#: Folder of the clip in that row.
FOLDERS = {"samm": "SAMM/003/003_1_1", "casme2": "Cropped/sub03/EP01_01f"}


def level(number: int) -> int:
    """Grey level of a frame: neighbours differ by far more than JPEG noise."""
    return number * 37 % 251


def image(number: int) -> np.ndarray:
    return np.full((12, 16), level(number), np.uint8)


def clips(emotions: Sequence[str], *, subjects: Sequence[int] = (3, 6, 11), start: int = 96) -> list[LayoutClip]:
    """One clip a subject and emotion, whose frames cross from two to three digits, and are so out of name order."""
    return [
        LayoutClip(
            subject, emotion, ("12",) if place % 2 else ("4", "L14"), start, start + 4 + place, start + 12, image
        )
        for subject in subjects
        for place, emotion in enumerate(emotions)
    ]


def load(root: Path, layout: str, **fields: str) -> SampleTable:
    """The samples of a tree, with the settings of `conf/data/` unless `fields` says otherwise."""
    settings = {"missing_apex": "middle" if layout == "smic" else "error", **fields}
    return catalog.load_samples(FolderData(name=layout, root=str(root), **settings), root.parent / "cache")  # type: ignore[arg-type]


def edit(root: Path, layout: str, row: int, **cells: Any) -> None:
    """Overwrite cells of a coding sheet, by heading in lower case without spaces."""
    path = root / SHEETS[layout]
    book = openpyxl.load_workbook(path)
    header = {re.sub(r"\W", "", str(cell.value)).lower(): cell.column for cell in book.active[ROWS[layout] - 1]}
    for heading, value in cells.items():
        book.active.cell(row, header[heading]).value = value
    book.save(path)


def rows(path: Path) -> list[tuple[Any, ...]]:
    """Values of a written sheet."""
    return list(openpyxl.load_workbook(path).active.iter_rows(values_only=True))


def shown(path: str) -> int:
    """Grey level of the image in a file."""
    pixels = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise AssertionError(path)
    return round(float(pixels.mean()))


def state(root: Path) -> dict[str, tuple[int, int]]:
    """Time of change and size of everything below a folder."""
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(root.rglob("*"))
    }
