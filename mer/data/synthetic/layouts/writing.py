"""Write frames and sheets of official layouts: call `write_frames`, `write_image`, `write_sheet`, `spelling`."""

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
    """One clip to write.

    Attributes:
        subject: number of the person, 1 or more.
        emotion: canonical name, e.g. "happiness", "others", or SMIC's "negative".
        aus: action units with side, e.g. ("12", "L14").
        onset: first frame number.
        apex: number of the strongest frame; None = unknown, written with the sheet's mark.
        offset: last frame number.
        frames: image of a frame number in onset..offset: uint8 (H, W) grey or (H, W, 3) RGB.
        objective: objective class I..VII, "" for a blank cell.
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
    """Official layout of one data set.

    Attributes:
        write: function of the clips, an empty folder and a variant.
        profile: key of `mer.data.synthetic.profiles.PROFILES`; the layout has a name for each of its emotions.
        variants: parts or arrangements of the set; the first is the default.
    """

    write: Callable[[Iterable[LayoutClip], Path, str], None]
    profile: str
    variants: tuple[str, ...] = ("",)


#: Layout by the key of its data set in `mer.data.registry`.
LAYOUTS: Registry[Layout] = Registry("layout", "mer.data.synthetic.layouts", Layout)


def spelling(clip: LayoutClip, names: Mapping[str, str], layout: str) -> str:
    """Return the emotion of a clip in the layout's spelling; SampleError if the layout has no name for it."""
    if clip.emotion not in names:
        raise SampleError(
            f"a clip of subject {clip.subject} shows {clip.emotion!r}, for which layout {layout} has no name; expected "
            f"one of {', '.join(names)}. Draw the clips with the profile of that data set."
        )
    return names[clip.emotion]


def write_frames(
    clip: LayoutClip, folder: Path, name: str, *, start: int | None = None, around: int = 0, peak: bool = False
) -> None:
    """Write the frames from onset to offset.

    Args:
        clip: clip to write.
        folder: folder for the files, which may exist.
        name: format string of a file name with the number, e.g. "img{}.jpg".
        start: number of the first file; None = the onset.
        around: number of copies of the first frame before it and of the last frame after it.
        peak: whether to end at the apex.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last = clip.apex if peak and clip.apex is not None else clip.offset
    shift = 0 if start is None else start - clip.onset
    for number in range(clip.onset - around, last + around + 1):
        write_image(folder / name.format(number + shift), clip.frames(min(max(number, clip.onset), last)))


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an image uint8 (H, W) grey or (H, W, 3) RGB; MerError if it cannot be written."""
    # OpenCV expects BGR. Quality 98: at lower ones JPEG noise is as large as the motion of a micro-expression.
    pixels = image if image.ndim == 2 else np.ascontiguousarray(image[:, :, ::-1])
    if not cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 98] if path.suffix == ".jpg" else []):
        raise MerError(f"{path}: could not be written. Check the space on the disk and the folder's permissions.")


def write_sheet(path: Path, rows: Iterable[Sequence[Any]], **others: Iterable[Sequence[Any]]) -> None:
    """Write an xlsx with a sheet `rows` and further sheets by title, where an underscore stands for a space."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, more in others.items():
        sheet = book.create_sheet(title.replace("_", " "))
        for row in more:
            sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
