"""Correct known errors in a data set's sheet by the user's table `data.repairs_table`: call `apply_corrections`.

Contract: a repair is matched by (dataset, subject, clip, onset) and changes one column. Every applied repair, and every
row of the table without a matching clip, is listed in the notes of the samples. `data.repairs=false` applies no repair
and also switches off the built-in rules of single sets (CAS(ME)^2: an offset of 0).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mer.config import FolderData
from mer.data.loading import spreadsheets
from mer.data.loading.annotations import ClipAnnotation
from mer.data.samples.identity import dataset_key, number_key, person_key, text_key
from mer.data.samples.schema import raise_for_rows
from mer.errors import DatasetNotFoundError

COLUMNS = ("dataset", "subject", "clip", "onset", "column", "value", "reason")
NUMBERS = ("onset", "apex", "offset")
REPAIRABLE = (*NUMBERS, "aus", "emotion", "objective")


@dataclass(frozen=True)
class Correction:
    """Correction of one cell.

    Attributes:
        where: place in the table, e.g. "line 3 of repairs.csv".
        subject: subject of the clip, in any spelling.
        clip: whole name of the clip.
        onset: onset in the sheet, before any repair; None = any.
        column: one of `REPAIRABLE`.
        value: correct value; None = no frame.
        reason: reason for the repair, with a source.
    """

    where: str
    subject: str
    clip: str
    onset: int | None
    column: str
    value: str | int | None
    reason: str

    def fits(self, clip: ClipAnnotation) -> bool:
        """Return whether the repair applies to a clip; a number is enough for the person, `6` for `006` or `sub06`."""
        people = {person_key(clip.subject), number_key(clip.subject)}
        same = person_key(self.subject) in people and text_key(clip.clip) == text_key(self.clip)
        return same and self.onset in (None, clip.onset)


def apply_corrections(
    clips: Sequence[ClipAnnotation], data: FolderData, dataset: str
) -> tuple[list[ClipAnnotation], list[str]]:
    """Return the clips with the repairs of `data.repairs_table` applied, and a sentence for each repair.

    Raises:
        DatasetNotFoundError: the table does not exist.
        SampleError: rows of the table cannot be used.
    """
    if not data.repairs or data.repairs_table is None:
        return list(clips), []
    table = read_repairs(Path(data.repairs_table).expanduser(), dataset)
    notes, repaired = [], []
    for clip in clips:
        changed = clip
        for item in table:
            if item.fits(clip):
                before = getattr(clip, item.column)
                value: Any = item.value
                changed = replace(changed, **{item.column: value})
                notes.append(f"Repaired {clip}: {item.column} {before} -> {item.value} ({item.reason}).")
        repaired.append(changed)
    idle = [item for item in table if not any(item.fits(clip) for clip in clips)]
    notes += [f"Repair in {item.where} fits no clip: {item.subject}, {item.clip}, onset {item.onset}." for item in idle]
    return repaired, notes


def read_repairs(path: Path, dataset: str) -> list[Correction]:
    """Read the repairs of a data set from a CSV with the columns `COLUMNS`; rows of other sets are ignored.

    Raises:
        DatasetNotFoundError: the file does not exist.
        SampleError: columns are missing, or rows cannot be used; the message has their lines.
    """
    if not path.is_file():
        raise DatasetNotFoundError(
            f"data.repairs_table={path}: no such file. Expected a CSV with the columns {', '.join(COLUMNS)}; "
            "data.repairs_table=null goes on without."
        )
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        absent = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        head = f"{path}: expected the columns {', '.join(COLUMNS)}, missing"
        raise_for_rows(absent, head, "Add them to the first line.")
        rows = [(f"line {reader.line_num} of {path.name}", row) for row in reader]
    found, bad = [], []
    for where, row in rows:
        cells = {column: (row[column] or "").strip() for column in COLUMNS}
        if dataset_key(cells["dataset"]) != dataset_key(dataset):
            continue
        try:
            found.append(_correction(where, cells))
        except ValueError as error:
            bad.append(f"{where}: {error}")
    raise_for_rows(bad, f"{path}: repairs that cannot be used:", "Correct the lines.")
    return found


def _correction(where: str, cells: dict[str, str]) -> Correction:
    column = cells["column"].casefold()
    empty = [name for name in ("subject", "clip", "reason") if not cells[name]]
    if empty:
        raise ValueError(f"column {empty[0]}: expected a text, got ''")
    if column not in REPAIRABLE:
        raise ValueError(f"column column: expected one of {', '.join(REPAIRABLE)}, got {cells['column']!r}")
    value = spreadsheets.frame(cells["value"]) if column in NUMBERS else cells["value"]
    onset = spreadsheets.frame(cells["onset"])
    return Correction(where, cells["subject"], cells["clip"], onset, column, value, cells["reason"])
