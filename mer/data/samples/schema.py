"""Check a table of samples: `SampleTable` calls `validate_table`; loaders call `raise_for_rows` for their own rows.

Contract: each failed check is one SampleError. It lists the wrong rows (index from 0, sample_id), the column, the
expected and the actual values, and a remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mer.data.samples.identity import control_characters
from mer.errors import SampleError

#: Columns of a sample table in order; `mer.data.samples.table.SampleTable` explains each.
COLUMNS = (
    *("sample_id", "dataset", "subject", "clip", "onset", "apex", "offset", "apex_source", "aus", "emotion", "label"),
    *("onset_path", "apex_path", "offset_path", "folder"),
)
NUMBER_COLUMNS = ("onset", "apex", "offset")
#: Columns with the image file of a key frame.
IMAGE_COLUMNS = ("onset_path", "apex_path", "offset_path")
PATH_COLUMNS = (*IMAGE_COLUMNS, "folder")
#: Text columns that must not be empty; the others may hold "".
REQUIRED_TEXT = ("sample_id", "dataset", "subject", "clip", "label")
#: Origin of an apex: the sheet, a spotter of this project or of a plugin, or "" if unknown.
APEX_SOURCES = ("annotated", "middle", "flow", "difference", "plugin", "")


def raise_for_rows(bad: Sequence[str], head: str, remedy: str, *, shown: int = 10) -> None:
    """Raise a SampleError if `bad` is not empty: head, the first `shown` rows, the number of others, remedy."""
    if bad:
        rest = [f"and {len(bad) - shown} more"] if len(bad) > shown else []
        raise SampleError("\n  ".join([head, *bad[:shown], *rest]) + f"\n{remedy}")


def validate_table(frame: pd.DataFrame, classes: tuple[str, ...], name: str) -> pd.DataFrame:
    """Return `validate_rows` of the frame; each label is one of the classes, and each class has a sample.

    Raises:
        SampleError: the frame breaks a rule of `SampleTable`.
    """
    frame = validate_rows(frame, name)
    _check_classes(frame, classes, name)
    return frame


def validate_rows(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a checked copy: columns in order, index 0..N-1, text as object, frame numbers as nullable Int64.

    Raises:
        SampleError: a value has the wrong type, an id is repeated, or key frames are out of order.
    """
    frame = _with_columns(frame, name)
    _refuse_values(frame, name)
    for column in frame.columns:
        if column in NUMBER_COLUMNS:
            frame[column] = pd.array([None if pd.isna(value) else int(value) for value in frame[column]], dtype="Int64")
        else:
            frame[column] = pd.Series(frame[column].tolist(), dtype=object)
    _check_unique(frame, name)
    _check_order(frame, name)
    return frame


def _with_columns(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    absent = [column for column in COLUMNS if column not in frame.columns]
    if absent:
        raise SampleError(
            f"{name}: the sample table lacks the column(s) {', '.join(absent)}; expected {', '.join(COLUMNS)}, "
            f"got {', '.join(map(str, frame.columns))}. Fill them: frame numbers with <NA>, text with '' where unknown."
        )
    if len(frame) == 0:
        raise SampleError(
            f"{name}: the sample table has no rows, expected one per clip. Check where the data are, and data.labels."
        )
    return frame.loc[:, list(COLUMNS)].astype(object).reset_index(drop=True)


def _refuse_values(frame: pd.DataFrame, name: str) -> None:
    """Raise a SampleError for the first column with a value of the wrong kind."""

    def refuse(column: str, wrong: Callable[[Any], bool], expected: str, remedy: str) -> None:
        bad = [f"{_row(frame, row)}: {value!r}" for row, value in enumerate(frame[column]) if wrong(value)]
        raise_for_rows(bad, f"{name}: column {column}: expected {expected}, got", remedy)

    for column in (column for column in COLUMNS if column not in NUMBER_COLUMNS):
        refuse(
            column, _is_no_text, "text ('' where unknown)", "Convert the column to text, with the set's own padding."
        )
    for column in REQUIRED_TEXT:
        refuse(column, _is_blank, "a text that is not empty", "Fill the cell, or leave the row out.")
    for column in REQUIRED_TEXT:
        refuse(
            column,
            lambda value: bool(control_characters(value)),
            "printable text in UTF-8, without control characters such as line ends",
            "Rename it in the list, or the folder on disk: ids become names of folders and cells of CSV files.",
        )
    for column in PATH_COLUMNS:
        refuse(column, _is_not_utf8, "a path in UTF-8", "Rename the folder or file (on Linux: convmv or mv).")
    for column in NUMBER_COLUMNS:
        refuse(column, _is_no_frame_number, "a frame number (integer >= 0) or <NA>", "Correct the number.")
    for column in PATH_COLUMNS:
        refuse(column, _is_relative, "an absolute path or ''", "Resolve the path first.")
    refuse(
        "dataset",
        lambda value: ":" in value,
        "a name without ':'",
        "Rename the data set: ':' separates data set and subject.",
    )
    refuse("apex_source", lambda value: value not in APEX_SOURCES, f"one of {APEX_SOURCES}", "Correct the loader.")


def _row(frame: pd.DataFrame, row: int) -> str:
    return f"row {row} (sample_id {frame['sample_id'].iloc[row]!r})"


def _is_no_text(value: Any) -> bool:
    return not isinstance(value, str)


def _is_blank(value: str) -> bool:
    return not value.strip()


def _is_not_utf8(value: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_relative(value: str) -> bool:
    return bool(value) and not Path(value).is_absolute()


def _is_no_frame_number(value: Any) -> bool:
    if value is None or value is pd.NA:
        return False
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        return True
    return not (np.isnan(value) or (value >= 0 and float(value).is_integer()))


def _check_unique(frame: pd.DataFrame, name: str) -> None:
    twice = frame["sample_id"].duplicated(keep=False)
    bad = [_row(frame, row) for row in range(len(frame)) if twice.iloc[row]]
    raise_for_rows(
        bad, f"{name}: column sample_id: expected each id once, got", "Give each clip its own id, or drop a copy."
    )


def _check_order(frame: pd.DataFrame, name: str) -> None:
    bad = []
    for row in range(len(frame)):
        numbers = {column: frame[column].iloc[row] for column in NUMBER_COLUMNS}
        known = [number for number in numbers.values() if not pd.isna(number)]
        if known != sorted(known):
            bad.append(f"{_row(frame, row)}: {', '.join(f'{column} {number}' for column, number in numbers.items())}")
    raise_for_rows(bad, f"{name}: expected onset <= apex <= offset, got", "Correct the numbers, or leave the row out.")


def _check_classes(frame: pd.DataFrame, classes: tuple[str, ...], name: str) -> None:
    if len(set(classes)) != len(classes) or len(classes) < 2:
        raise SampleError(
            f"{name}: expected two or more different classes, got {list(classes)}. Check data.labels and the labels."
        )
    bad = [f"{_row(frame, row)}: {label!r}" for row, label in enumerate(frame["label"]) if label not in classes]
    remedy = "Correct the label, or name it in data.labels."
    raise_for_rows(bad, f"{name}: column label: expected one of {', '.join(classes)}, got", remedy)
    counts = {label: int((frame["label"] == label).sum()) for label in classes}
    empty = [label for label, count in counts.items() if count == 0]
    if empty:
        found = ", ".join(f"{label} {count}" for label, count in counts.items())
        raise SampleError(
            f"{name}: expected a sample of every class, got none of {', '.join(empty)} (found {found}). A mean "
            "over classes cannot include an absent one: choose data.labels without it, or complete the data."
        )
