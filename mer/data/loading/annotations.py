"""Hold the clips of a data set as annotated: call `read_coding_sheet`, or build `Annotations` from folders.

Contract: nothing is imputed or left out here. Cells that cannot be read are listed in `Annotations.errors` with their
rows, so that the loader reports all of them at once and the audit shows them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mer.data.loading import spreadsheets
from mer.data.loading.file_search import index_frames

#: Columns that describe a clip.
_OF_A_CLIP = ("clip", "onset", "apex", "offset", "aus", "emotion", "objective")
#: Most wrong rows that a message lists; to repair a sheet one needs all of them.
ALL = 1000


@dataclass(frozen=True)
class ClipAnnotation:
    """One clip as annotated in a data set.

    Attributes:
        where: place in the source, e.g. "row 17" of the sheet.
        subject: subject with the zeros of the set.
        clip: whole name of the clip.
        onset: first frame number; None = not given.
        apex: number of the frame with the strongest expression; None = not given.
        offset: last frame number; None = not given.
        aus: action units as annotated.
        emotion: emotion as annotated.
        objective: objective class as annotated.
        folder: folder of the frames, which may not exist.
        files: frames by number, if the folder also holds frames of other clips; None = all frames of `folder`.
    """

    where: str
    subject: str
    clip: str
    onset: int | None
    apex: int | None
    offset: int | None
    aus: str
    emotion: str
    objective: str
    folder: Path
    files: Mapping[int, Path] | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.where} (subject {self.subject}, clip {self.clip})"

    def frames(self) -> Mapping[int, Path]:
        """Return the frame files by number, sorted; {} without a folder. SampleError if two files have one number."""
        if self.files is not None:
            return self.files
        return index_frames(self.folder) if self.folder.is_dir() else {}


@dataclass(frozen=True)
class Annotations:
    """All clips of a data set as annotated.

    Attributes:
        clips: the clips, in the order of the data set.
        origin: sheet or folder they were read from; used in messages.
        notes: sentences of the loader for the results.
        errors: cells, folders or files that cannot be used, one sentence each, with the place.
        unlisted: folders of frames without a row in the sheet.
        inconsistencies: usable rows with columns that contradict each other, one sentence each, place first.
    """

    clips: tuple[ClipAnnotation, ...]
    origin: Path
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    unlisted: tuple[Path, ...] = ()
    inconsistencies: tuple[str, ...] = ()


def read_coding_sheet(
    sheet: Path,
    columns: Mapping[str, Collection[str]],
    *,
    optional: Collection[str] = (),
    subject: Callable[[str], str | None],
    folder: Callable[[ClipAnnotation], Path],
) -> Annotations:
    """Read the clips of a coding sheet, in its order; an apex of 0 counts as missing.

    Args:
        sheet: path of the spreadsheet.
        columns: headings of subject, clip, onset, apex, offset, aus, emotion and, if the set has it, objective.
        optional: columns that may be missing.
        subject: subject in the sheet -> subject with the zeros of the set, None if it is not a subject.
        folder: clip (its own folder still ".") -> folder of its frames, which may not exist.

    Raises:
        SampleError: the sheet cannot be read, or has no header.
    """
    return clips_of_rows(
        spreadsheets.read_sheet(sheet, columns, optional=optional), sheet, subject=subject, folder=folder
    )


def clips_of_rows(
    rows: Collection[Mapping[str, Any]],
    origin: Path,
    *,
    subject: Callable[[str], str | None],
    folder: Callable[[ClipAnnotation], Path],
) -> Annotations:
    """Return the clips in rows of `spreadsheets.read_sheet`; a wrong subject, clip or frame number becomes an error."""
    clips, faults, notes = [], [], []
    for row in rows:
        where, person, clip = (
            f"row {row['row']}",
            subject(spreadsheets.text(row["subject"])),
            clip_name(spreadsheets.text(row["clip"])),
        )
        if not person and _is_remark(row):
            told = [spreadsheets.text(row.get(column)) for column in ("subject", *_OF_A_CLIP)]
            notes.append(f"Remark in {where}: {', '.join(map(repr, filter(None, told)))}.")
            continue
        (onset, apex, offset), bad = _frame_numbers(row)
        if not person:
            bad.append(
                f"{where}, column subject: expected the number of a person, got {spreadsheets.text(row['subject'])!r}"
            )
        if not clip:
            bad.append(f"{where}, column clip: expected the name of a clip, got ''")
        faults += bad
        if person and clip and not bad:
            aus, emotion, objective = (spreadsheets.text(row.get(column)) for column in ("aus", "emotion", "objective"))
            found = ClipAnnotation(where, person, clip, onset, apex or None, offset, aus, emotion, objective, Path())
            clips.append(replace(found, folder=folder(found)))
    return Annotations(tuple(clips), origin, tuple(notes), tuple(faults))


def _is_remark(row: Mapping[str, Any]) -> bool:
    """Return whether a row without a person is a remark: one more cell at most, or no clip and no number of a frame."""
    filled = [column for column in _OF_A_CLIP if spreadsheets.text(row.get(column))]
    named = bool(spreadsheets.text(row["subject"]))
    if len(filled) <= 1:  # text before a number of a frame may be a clip of an unknown person
        return not (named and set(filled) & {"onset", "apex", "offset"})
    if named or "clip" in filled:
        return False
    (*numbers,), _ = _frame_numbers({"row": "", **row})
    return numbers == [None] * len(numbers)


def clip_name(text: str) -> str:
    """Return the name of a clip without folders before it and without the ending of a video file."""
    name = re.split(r"[\\/]", text)[-1] or text
    return re.sub(r"\.(avi|mp4|mov|wmv|mkv)$", "", name, flags=re.IGNORECASE)


def _frame_numbers(row: Mapping[str, Any]) -> tuple[list[int | None], list[str]]:
    """Return onset, apex and offset of a row, and a sentence for each cell that is not a frame number."""
    numbers: list[int | None] = []
    faults = []
    for column in ("onset", "apex", "offset"):
        try:
            numbers.append(spreadsheets.frame(row.get(column)))
        except ValueError as error:
            numbers.append(None)
            faults.append(f"row {row['row']}, column {column}: {error}")
    return numbers, faults
