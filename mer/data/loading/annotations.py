"""What a data set says of its clips, before any decision of ours: a row of a sheet, or a folder.

Contract: nothing is imputed or left out here; cells that cannot be read are listed as faults with the numbers of their
rows, so that a loader refuses them all at once and the audit shows them all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mer.data.loading import spreadsheets
from mer.data.loading.file_search import index_frames

#: Every wrong row is listed up to this many: whoever repairs a sheet needs them all.
ALL = 1000


@dataclass(frozen=True)
class ClipAnnotation:
    """One clip as a data set describes it.

    Attributes:
        where: how to find it, e.g. "row 17" of the sheet.
        subject: with the set's own padding.
        clip: its whole name.
        onset: first frame number; None = not given.
        apex: frame of the strongest expression; None = not given.
        offset: last frame number; None = not given.
        aus: action units as annotated.
        emotion: as annotated.
        objective: objective class as annotated.
        folder: of its frames, whether it exists or not.
        files: its frames by number where they share a folder with those of others; None = all frames of `folder`.
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
        """Frame files by number in numeric order; none where there is no folder. SampleError: one number, two files."""
        if self.files is not None:
            return self.files
        return index_frames(self.folder) if self.folder.is_dir() else {}


@dataclass(frozen=True)
class Annotations:
    """All that was read of a data set.

    Attributes:
        clips: what it describes, in its order.
        origin: sheet or folder that they were read from, named in messages.
        notes: what the loader has to say, one sentence each.
        faults: cells, folders or files that cannot be used, one sentence each with the place.
        unlisted: folders of frames that no row names.
        doubts: rows whose columns contradict each other, yet can be used; one sentence each, beginning with the place.
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
    """The clips that a coding sheet lists, in its order; an apex of 0 is none.

    Args:
        sheet: the spreadsheet.
        columns: headings of subject, clip, onset, apex, offset, aus, emotion and, where there is one, objective.
        optional: columns that need not be there.
        subject: the sheet's subject -> subject with the set's own padding, None when it is none.
        folder: clip (its own folder still ".") -> folder of its frames, whether it exists or not.

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
    """The clips in rows of `sheets.read_sheet`; cells that are no subject, clip or frame number become faults."""
    clips, faults = [], []
    for row in rows:
        where, person, clip = (
            f"row {row['row']}",
            subject(spreadsheets.text(row["subject"])),
            spreadsheets.text(row["clip"]),
        )
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
    return Annotations(tuple(clips), origin, errors=tuple(faults))


def _frame_numbers(row: Mapping[str, Any]) -> tuple[list[int | None], list[str]]:
    """Onset, apex and offset of a row, and a sentence for each cell that is no frame number."""
    numbers: list[int | None] = []
    faults = []
    for column in ("onset", "apex", "offset"):
        try:
            numbers.append(spreadsheets.frame(row.get(column)))
        except ValueError as error:
            numbers.append(None)
            faults.append(f"row {row['row']}, column {column}: {error}")
    return numbers, faults
