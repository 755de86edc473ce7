"""Read official lists of samples (data set, subject, clip, label): call `read_list`.

Contract: reads one file, a CSV or a workbook, with or without a header. `mer.data.composite` finds the sample of each
row. Classes may be the numbers of MEGC 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mer.data.loading import spreadsheets
from mer.data.loading.annotations import ALL
from mer.data.samples.identity import text_key
from mer.data.samples.label_sets import MEGC2019, ROMAN, canonical_emotion, canonical_objective
from mer.data.samples.schema import raise_for_rows
from mer.errors import DatasetNotFoundError, SampleError

LIST_COLUMNS = ("dataset", "subject", "clip", "label")
#: Column -> its headings in lists, without case, blanks and punctuation.
HEADINGS: Mapping[str, frozenset[str]] = {
    "dataset": frozenset({"dataset", "datasets", "database", "db", "source", "set"}),
    "subject": frozenset({"subject", "subjects", "sub", "subjectid", "person", "participant", "subid", "subjectname"}),
    "clip": frozenset(
        {"clip", "filename", "file", "video", "videoname", "sample", "clipname", "material", "sampleid", "imagename"}
    ),
    "label": frozenset(
        {
            "label",
            "labels",
            "class",
            "gt",
            "target",
            "emotion",
            "category",
            "3class",
            "label3class",
            "classlabel",
            "emotionlabel",
            "emotionclass",
            "objectiveclass",
            "objectiveclasses",
        }
    ),
}
#: Most rows down to the header; a title may stand above it.
_ABOVE = 10
#: Classes of the organisers' list of MEGC 2019, given as numbers.
NUMBERS = {"0": "negative", "1": "positive", "2": "surprise"}
#: Samples of each class in the whole list of MEGC 2019, 442 in all.
MEGC2019_COUNTS = {"negative": 250, "positive": 109, "surprise": 83}


def read_list(path: Path) -> list[dict[str, str]]:
    """Return the rows of an official list: trimmed cells of `LIST_COLUMNS`, and the row number as "row".

    A file without a header has these columns in this order. Rows that are blank or hold only separators are ignored.

    Raises:
        DatasetNotFoundError: the file does not exist.
        SampleError: columns are missing, or cells are empty.
    """
    if not path.is_file():
        raise DatasetNotFoundError(
            f"data.list={path}: no such file. Expected a CSV with the columns {', '.join(LIST_COLUMNS)}, one row per "
            "sample, from the organisers of the challenge; data.list=null selects by label without it."
        )
    sheets = spreadsheets.open_book(path)
    found = next((rows for rows in sheets.values() if any(any(map(spreadsheets.text, row)) for row in rows)), [])
    rows = [(number, [spreadsheets.text(cell) for cell in cells]) for number, cells in enumerate(found, 1)]
    rows = [(number, cells) for number, cells in rows if any(cells)]
    places, rows = _places(rows, path)
    listed, bad = [], []
    for number, cells in rows:
        row = {name: cells[place] if place < len(cells) else "" for name, place in places.items()}
        listed.append({**row, "row": str(number)})
        bad += [f"line {number}: column {column}" for column in LIST_COLUMNS if not row[column]]
    raise_for_rows(bad, f"{path}: cells that are empty:", "Fill the cells, or remove the rows.", shown=ALL)
    return listed


def class_of(label: str, classes: Sequence[str]) -> str | None:
    """Return the class of a list's label, given by name in any case, or by number for the classes of MEGC 2019."""
    named = {text_key(name): name for name in classes}
    if set(classes) <= set(ROMAN):  # objective classes, as in MEGC 2018
        return named.get(canonical_objective(label).casefold())
    if set(classes) == set(NUMBERS.values()):
        named |= {number: name for number, name in NUMBERS.items() if number not in named}
        named |= {
            short: name for name in classes for short in (name[:2], name[:3]) if name != "surprise" or short == "sur"
        }
        if (emotion := canonical_emotion(label)) in MEGC2019.mapping:
            return MEGC2019.mapping[emotion]
    plain = text_key(label)
    return named.get(plain[:-2] if plain.endswith(".0") and plain not in named else plain)


def _headed(cells: Sequence[str]) -> dict[str, int]:
    """Return the index of each column whose heading is among the cells of a row."""
    plain = [spreadsheets.plain_heading(cell) for cell in cells]
    return {
        name: next(place for place, cell in enumerate(plain) if cell in headings)
        for name, headings in HEADINGS.items()
        if not headings.isdisjoint(plain)
    }


def _places(rows: list[tuple[int, list[str]]], path: Path) -> tuple[dict[str, int], list[tuple[int, list[str]]]]:
    """Return the index of each column, and the rows below the header, or all rows if there is no header."""
    first = rows[0][1] if rows else []
    for number, (_, cells) in enumerate(rows[:_ABOVE]):
        if len(found := _headed(cells)) == len(LIST_COLUMNS):
            return found, rows[number + 1 :]
    places = _headed(first)
    width = max((len(cells) for _, cells in rows), default=0)
    # without a header the first row is a sample, so none of its cells is a heading or empty
    if not places and width >= len(LIST_COLUMNS) and all([*first, ""][: len(LIST_COLUMNS)]):
        return {name: place for place, name in enumerate(LIST_COLUMNS)}, rows
    absent = [name for name in LIST_COLUMNS if name not in places]
    raise SampleError(
        f"{path}: missing column(s) {', '.join(absent)}; expected {', '.join(LIST_COLUMNS)}, got "
        f"{', '.join(first) or 'nothing'}. Add or rename the columns in its first line."
    )
