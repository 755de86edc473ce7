"""The rows of a coding sheet as clips, before any decision of ours.

Contract: nothing is imputed or left out here; cells that cannot be read are listed together with the numbers of their
rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer.corpus import sheets
from mer.corpus.checks import raise_rows

#: Every wrong row is listed up to this many: whoever repairs a sheet needs them all.
ALL = 1000


@dataclass(frozen=True)
class CodedClip:
    """One clip as a data set describes it, before any decision of ours.

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

    def __str__(self) -> str:
        return f"{self.where} (subject {self.subject}, clip {self.clip})"


def coded_clips(
    sheet: Path,
    columns: Mapping[str, Collection[str]],
    *,
    optional: Collection[str] = (),
    subject: Callable[[str], str | None],
    folder: Callable[[str, str], Path],
) -> list[CodedClip]:
    """The clips that a coding sheet lists, in its order; an apex of 0 is none.

    Args:
        sheet: the spreadsheet.
        columns: headings of subject, clip, onset, apex, offset, aus, emotion and, where there is one, objective.
        optional: columns that need not be there.
        subject: the sheet's subject -> subject with the set's own padding, None when it is none.
        folder: subject and clip -> folder of its frames, whether it exists or not.

    Raises:
        SampleError: no header, or cells that are no subject, clip or frame number.
    """
    clips, bad = [], []
    for row in sheets.read_sheet(sheet, columns, optional=optional):
        where, person, clip = f"row {row['row']}", subject(sheets.text(row["subject"])), sheets.text(row["clip"])
        numbers, faults = _frame_numbers(row)
        if not person:
            faults.append(
                f"{where}, column subject: expected the number of a person, got {sheets.text(row['subject'])!r}"
            )
        if not clip:
            faults.append(f"{where}, column clip: expected the name of a clip, got ''")
        bad += faults
        if person and clip and not faults:
            onset, apex, offset = numbers
            aus, emotion, objective = (sheets.text(row.get(column)) for column in ("aus", "emotion", "objective"))
            place = folder(person, clip)
            clips.append(CodedClip(where, person, clip, onset, apex or None, offset, aus, emotion, objective, place))
    raise_rows(bad, f"{sheet}: cells that cannot be used:", "Correct them in a copy of the sheet.", shown=ALL)
    return clips


def _frame_numbers(row: Mapping[str, Any]) -> tuple[list[int | None], list[str]]:
    """Onset, apex and offset of a row, and a sentence for each cell that is no frame number."""
    numbers: list[int | None] = []
    faults = []
    for column in ("onset", "apex", "offset"):
        try:
            numbers.append(sheets.frame(row[column]))
        except ValueError as error:
            faults.append(f"row {row['row']}, column {column}: {error}")
    return numbers, faults
