"""What every writer of an official layout needs: the clip to be written, frames, spreadsheets, spellings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openpyxl

from mer.data.samples.label_sets import MEGC2019
from mer.errors import MerError, SampleError
from mer.utils.registry import Registry

_BASIC = ("surprise", "disgust", "happiness", "fear", "sadness", "anger")
_COARSE = {**MEGC2019.mapping, "negative": "negative", "positive": "positive"}


def _same(*words: str) -> dict[str, str]:
    return {word: word for word in words}


@dataclass(frozen=True)
class LayoutClip:
    """One clip to be written.

    Attributes:
        subject: number of the person, 1 or more.
        emotion: canonical name, e.g. "happiness", "others", or SMIC's "negative".
        aus: action units with side, e.g. ("12", "L14").
        onset: first frame number.
        apex: number of the strongest frame; None writes the sheet's mark for an unknown apex.
        offset: last frame number.
        frames: image of a frame number in onset..offset: uint8 (H, W) grey or (H, W, 3) RGB.
        objective: objective class I..VII, "" for a blank cell; SMIC knows none.
    """

    subject: int
    emotion: str
    aus: tuple[str, ...]
    onset: int
    apex: int | None
    offset: int
    frames: Callable[[int], np.ndarray]
    objective: str = ""


@dataclass(frozen=True)
class Layout:
    """How to write one data set.

    Attributes:
        write: takes the clips, an empty folder and a variant.
        profile: emotion mix of `mer.data.synthetic.clip_design.PROFILES` whose emotions the layout can name.
        variants: parts or arrangements of the set; the first is the default.
    """

    write: Callable[[Iterable[LayoutClip], Path, str], None]
    profile: str
    variants: tuple[str, ...] = ("",)


#: Layout by the key of its data set in `mer.data.registry`.
LAYOUTS: Registry[Layout] = Registry("layout", "mer.data.synthetic.layouts", Layout)


def spelling(clip: LayoutClip, names: Mapping[str, str], layout: str) -> str:
    """Emotion of a clip as the layout spells it; SampleError where it has no word for it."""
    if clip.emotion not in names:
        raise SampleError(
            f"a clip of subject {clip.subject} shows {clip.emotion!r}, for which layout {layout} has no name; expected "
            f"one of {', '.join(names)}. Draw the clips with the profile of that data set."
        )
    return names[clip.emotion]


def write_frames(
    clip: LayoutClip, folder: Path, name: str, *, start: int | None = None, around: int = 0, peak: bool = False
) -> None:
    """Write the frames from onset to offset; `name` is a format string that takes the number.

    Args:
        clip: what to write.
        folder: may exist already.
        name: of a file, e.g. "img{}.jpg".
        start: number of the first file; None = the onset itself.
        around: frames at rest before the onset and after the offset, copies of the first and the last.
        peak: whether the apex is the last frame.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last = clip.apex if peak and clip.apex is not None else clip.offset
    shift = 0 if start is None else start - clip.onset
    for number in range(clip.onset - around, last + around + 1):
        write_image(folder / name.format(number + shift), clip.frames(min(max(number, clip.onset), last)))


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an image uint8 (H, W) grey or (H, W, 3) RGB; MerError where it cannot be written."""
    # OpenCV writes blue first. 98: motion of a micro-expression is of the size of JPEG noise at lower qualities.
    pixels = image if image.ndim == 2 else np.ascontiguousarray(image[:, :, ::-1])
    if not cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 98] if path.suffix == ".jpg" else []):
        raise MerError(f"{path}: could not be written. Look at the space on the disk and the folder's permissions.")


def write_sheet(path: Path, rows: Iterable[Sequence[Any]], **others: Iterable[Sequence[Any]]) -> None:
    """Write a spreadsheet; further sheets follow under their names, spaces for underscores. Its content is an xlsx."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, more in others.items():
        sheet = book.create_sheet(title.replace("_", " "))
        for row in more:
            sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
