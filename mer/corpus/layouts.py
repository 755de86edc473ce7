"""Writes invented clips in the official layout of a data set, quirks included: loaders meet them without the data.

Contract: `write_tree` writes spreadsheets and frames into a new folder and marks it as synthetic; `mer.corpus.official`
reads the mark back. Layouts follow what the data sets' public pages and public loaders say of them.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openpyxl

from mer.corpus.labels import MEGC2019
from mer.corpus.official import SYNTHETIC_MARK
from mer.errors import MerError, SampleError

#: Emotion -> spelling in SAMM's sheet; the rest class appears as `Other` and as `Others`.
SAMM_SPELLING = {e: e.title() for e in ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")}
CASME2_EMOTIONS = ("others", "disgust", "happiness", "repression", "surprise", "sadness", "fear")
SMIC_CODES = {"negative": "ne", "positive": "po", "surprise": "sur"}
SAMM_HEADER = (
    *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro"),
    *("Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
)
#: Above the header, which stands in row 14; one line begins like it.
SAMM_NOTES = (
    *("Invented clips in the layout of SAMM", "", "Notes", "Frame numbers count from the start of the recording"),
    *("Subject: three digits", "Micro: 1/2", "L and R mark a side", "", "", "", "", "", ""),
)
CASME2_HEADER = (
    *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None),
    *("Action Units", "Estimated Emotion"),
)
#: Irregular clip names, each a prefix of another, as in `EP01_2`, `EP09f`, `EP06_02_01`.
CASME2_NAMES = ("EP{:02d}_01f", "EP{:02d}_01", "EP{:02d}f", "EP{:02d}_01_01", "EP{:02d}_1")


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


def write_tree(
    layout: str,
    clips: Sequence[LayoutClip],
    out: str | Path,
    *,
    progress: Callable[[Sequence[LayoutClip]], Iterable[LayoutClip]] = iter,
) -> Path:
    """The new folder `out` with all frames onset..offset of the clips and the coding sheet, in the official layout.

    Args:
        layout: key of `LAYOUTS`.
        clips: what to write.
        out: a folder that does not exist yet or is empty; it appears when it is complete.
        progress: wraps the clips while they are written, e.g. `rich.progress.track`.

    Raises:
        MerError: unknown layout, or `out` holds files.
        SampleError: an emotion for which the layout has no name.
    """
    out = Path(out).expanduser().resolve()
    if layout not in LAYOUTS:
        raise MerError(f"layout: expected one of {', '.join(LAYOUTS)}, got {layout!r}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise MerError(
            f"{out}: expected a new or empty folder, got one with files. Choose another, or remove it first."
        )
    partial = out.with_name(f".{out.name}-partial")
    if partial.exists():
        raise MerError(
            f"{partial}: left by an interrupted writing of {out.name}, or by one that still goes on. Remove it."
        )
    partial.mkdir(parents=True)
    (partial / SYNTHETIC_MARK).write_text("Drawn by mer.corpus.synthetic; no person was recorded.\n", encoding="utf-8")
    try:
        LAYOUTS[layout](progress(clips), partial)
    except BaseException:
        shutil.rmtree(partial)
        raise
    if out.exists():
        out.rmdir()
    return partial.rename(out)


def write_samm(clips: Iterable[LayoutClip], out: Path) -> None:
    """`SAMM/006/006_1_2/006_05562.jpg`, 4 or 5 digits by clip; notes above the header, Title Case, stray files."""
    rows: list[Sequence[Any]] = [(note,) for note in SAMM_NOTES] + [SAMM_HEADER]
    seen: Counter[int] = Counter()
    for place, clip in enumerate(clips):
        subject, taken = f"{clip.subject:03d}", seen[clip.subject]
        name = f"{subject}_{1 + taken // 3}_{1 + taken % 3}"
        seen[clip.subject] += 1
        folder = out / "SAMM" / subject / name
        _write_frames(clip, folder, f"{subject}_{{:0{4 + place % 2}d}}.jpg")
        (folder / "Thumbs.db").write_bytes(b"stray")
        others = "Others" if place % 2 else "Other"
        emotion = _spelling(clip, {**SAMM_SPELLING, "others": others}, "samm")
        numbers = (clip.onset, "/" if clip.apex is None else clip.apex, clip.offset, clip.offset - clip.onset + 1)
        rows.append(
            (subject, name, taken + 1, *numbers, "1/2", "+".join(clip.aus), emotion, clip.objective or None, None)
        )
    _write_sheet(out / "SAMM_Micro_FACS_Codes_v2.xlsx", rows)


def write_casme2(clips: Iterable[LayoutClip], out: Path) -> None:
    """`Cropped/sub01/EP02_01f/reg_img46.jpg`, unpadded; blank columns, subjects as number or text, odd clip names.

    Objective classes stand in a sheet of their own, written where a clip has one.
    """
    rows: list[Sequence[Any]] = [CASME2_HEADER]
    classes: list[Sequence[Any]] = [("Subject", "Filename", "Objective Class")]
    seen: Counter[int] = Counter()
    for place, clip in enumerate(clips):
        taken = seen[clip.subject]
        seen[clip.subject] += 1
        name = CASME2_NAMES[taken % len(CASME2_NAMES)].format(1 + taken // len(CASME2_NAMES))
        folder = out / "Cropped" / f"sub{clip.subject:02d}" / name
        _write_frames(clip, folder, "reg_img{}.jpg")
        for stray in (".DS_Store", "EP01.lnk", "Thumbs.db"):
            (folder / stray).write_bytes(b"stray")
        emotion = _spelling(clip, {name: name for name in CASME2_EMOTIONS}, "casme2")
        subject = clip.subject if place % 2 else f"{clip.subject:02d}"
        # A single action unit stands in the sheet as a number, several as text.
        aus = int(clip.aus[0]) if len(clip.aus) == 1 and clip.aus[0].isdecimal() else "+".join(clip.aus)
        apex = "/" if clip.apex is None else clip.apex
        rows.append((subject, name, None, clip.onset, apex, clip.offset, None, aus, emotion))
        if clip.objective:
            classes.append((subject, name, clip.objective))
    _write_sheet(out / "CASME2-coding-20140508.xlsx", rows)
    if len(classes) > 1:
        _write_sheet(out / "CASME2-ObjectiveClasses.xlsx", classes)


def write_smic(clips: Iterable[LayoutClip], out: Path) -> None:
    """`SMIC_all_cropped/HS/s03/micro/negative/s3_ne_01/reg_image034013.bmp`, folders `s1` or `s03`, no sheet."""
    seen: Counter[tuple[int, str]] = Counter()
    spelling = {**MEGC2019.of, "negative": "negative", "positive": "positive"}
    for clip in clips:
        label = _spelling(clip, spelling, "smic")
        code = SMIC_CODES[label]
        seen[clip.subject, code] += 1
        padded = f"s{clip.subject:02d}" if clip.subject % 3 == 0 else f"s{clip.subject}"
        person = out / "SMIC_all_cropped" / "HS" / padded
        folder = person / "micro" / label / f"s{clip.subject}_{code}_{seen[clip.subject, code]:02d}"
        _write_frames(clip, folder, "reg_image{:06d}.bmp")
        still = person / "non_micro" / f"s{clip.subject}_non_01"
        still.mkdir(parents=True, exist_ok=True)
        _write_image(still / "reg_image000001.bmp", clip.frames(clip.onset))


#: Writer of a layout: takes the clips and an empty folder.
LAYOUTS: dict[str, Callable[[Iterable[LayoutClip], Path], None]] = {
    "samm": write_samm,
    "casme2": write_casme2,
    "smic": write_smic,
}


def _spelling(clip: LayoutClip, names: dict[str, str], layout: str) -> str:
    if clip.emotion not in names:
        raise SampleError(
            f"a clip of subject {clip.subject} shows {clip.emotion!r}, for which layout {layout} has no name; expected "
            f"one of {', '.join(names)}. Draw the clips with the profile of that data set."
        )
    return names[clip.emotion]


def _write_frames(clip: LayoutClip, folder: Path, name: str) -> None:
    """Write all frames from onset to offset; `name` is a format string that takes the number."""
    folder.mkdir(parents=True)
    for number in range(clip.onset, clip.offset + 1):
        _write_image(folder / name.format(number), clip.frames(number))


def _write_image(path: Path, image: np.ndarray) -> None:
    # OpenCV writes blue first. 98: motion of a micro-expression is of the size of JPEG noise at lower qualities.
    pixels = image if image.ndim == 2 else np.ascontiguousarray(image[:, :, ::-1])
    if not cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 98] if path.suffix == ".jpg" else []):
        raise MerError(f"{path}: could not be written. Look at the space on the disk and the folder's permissions.")


def _write_sheet(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
