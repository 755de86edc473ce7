"""Several data sets as one table: parts with a common class set, and official lists of samples.

Contract: parts are loaded by their own sources and joined row under row, in the order of the configuration. A list
(CSV: dataset, subject, clip, label) chooses samples and gives their labels; a row without its sample is an error.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from mer.config import CompositeData, DataConfig
from mer.data.loading.annotations import ALL
from mer.data.samples.schema import raise_for_rows
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError, DatasetNotFoundError, SampleError

LIST_COLUMNS = ("dataset", "subject", "clip", "label")


def load(data: CompositeData, load_part: Callable[[DataConfig], SampleTable]) -> SampleTable:
    """The samples of all parts, or those of `data.list`.

    Args:
        data: parts by name, and the list.
        load_part: loads one of them.

    Raises:
        ConfigError: parts whose classes differ.
        DatasetNotFoundError: a part or the list is not there.
        SampleError: samples that two parts share, or rows of the list that cannot be used.
    """
    tables = {name: _load_part(name, part, load_part) for name, part in data.parts.items()}
    _check_classes(tables)
    classes = next(iter(tables.values())).classes
    frame = pd.concat([table.frame for table in tables.values()], ignore_index=True)
    notes = [f"{table.name}: {note}" for table in tables.values() for note in table.notes]
    if data.list is None:
        notes.append("Samples were selected by label, not by an official list (data.list).")
    else:
        frame = _listed(frame, Path(data.list).expanduser().resolve(), classes, notes)
    name = " + ".join(table.name for table in tables.values())
    synthetic = any(table.synthetic for table in tables.values())
    return SampleTable(frame, classes, name=name, notes=tuple(notes), synthetic=synthetic)


def config_errors(data: CompositeData, part_problems: Callable[[DataConfig], list[str]]) -> list[str]:
    """What is wrong with the configuration of a composite, one sentence each; those of parts name their part."""
    found = []
    if not data.parts:
        found.append("data.parts: expected one source or more, got none, e.g. data=megc2018 or +data@data.parts.a=samm")
    if data.labels is not None:
        found.append(
            f"data.labels: expected null, got {data.labels!r}; each part has its own, e.g. data.parts.samm.labels"
        )
    if data.list == "":
        found.append("data.list: expected null or the path of a CSV, got ''")
    for name, part in data.parts.items():
        found += [_of_part(problem, name) for problem in part_problems(part)]
    return found


def _load_part(name: str, part: DataConfig, load_part: Callable[[DataConfig], SampleTable]) -> SampleTable:
    """The part's samples; errors name the keys of the part."""
    try:
        return load_part(part)
    except (DatasetNotFoundError, SampleError) as error:
        raise type(error)(_of_part(str(error), name)) from error


def _of_part(message: str, name: str) -> str:
    """The message about a source, with `data.root` and other keys as the part `name` has them."""
    return re.sub(r"(?<![\w/.])data\.(?=[a-z])", f"data.parts.{name}.", message)


def read_list(path: Path) -> list[dict[str, str]]:
    """The rows of an official list: trimmed cells of `LIST_COLUMNS` (any case), and `row`, the line in the file.

    Raises:
        DatasetNotFoundError: there is no such file.
        SampleError: it is no such CSV.
    """
    if not path.is_file():
        raise DatasetNotFoundError(
            f"data.list={path}: no such file. Expected a CSV with the columns {', '.join(LIST_COLUMNS)}, one row a "
            "sample, as the challenge's organisers give it out; without it set data.list=null (selection by label)."
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SampleError(f"{path}: expected UTF-8 text, byte {error.start} is not. Save the CSV as UTF-8.") from error
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [cell.strip().casefold() for cell in next(reader, [])]
    absent = [column for column in LIST_COLUMNS if column not in header]
    if absent:
        raise SampleError(
            f"{path}: missing column(s) {', '.join(absent)}; expected {', '.join(LIST_COLUMNS)}, got "
            f"{', '.join(header) or 'nothing'}. Add or rename the columns in its first line."
        )
    rows, bad = [], []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        row = {**dict.fromkeys(header, ""), **dict(zip(header, (cell.strip() for cell in cells), strict=False))}
        rows.append({column: row[column] for column in LIST_COLUMNS} | {"row": str(reader.line_num)})
        bad += [f"line {reader.line_num}: column {column}" for column in LIST_COLUMNS if not row[column]]
    raise_for_rows(bad, f"{path}: cells that are empty:", "Fill the cells, or remove the rows.", shown=ALL)
    return rows


def _listed(frame: pd.DataFrame, path: Path, classes: tuple[str, ...], notes: list[str]) -> pd.DataFrame:
    """The rows of `frame` that the list names, with its labels; differences go to `notes`."""
    rows_of: dict[tuple[str, str, str], list[int]] = {}
    for row, (dataset, subject, clip) in enumerate(zip(frame["dataset"], frame["subject"], frame["clip"], strict=True)):
        for spelling in _clip_spellings(clip):
            rows_of.setdefault((*_person(dataset, subject), spelling), []).append(row)
    class_of = {label.casefold(): label for label in classes}
    chosen: dict[int, str] = {}
    bad, relabelled = [], 0
    for entry in read_list(path):
        shown = f"line {entry['row']}: {entry['dataset']}, subject {entry['subject']}, clip {entry['clip']}"
        person = _person(entry["dataset"], entry["subject"])
        # the name as it is comes first: CASME II has clips that differ in a padding zero
        keys = [(*person, name) for name in _clip_spellings(entry["clip"])]
        found = next((rows_of[key] for key in keys if key in rows_of), [])
        label = class_of.get(entry["label"].casefold())
        if len(found) != 1:
            bad.append(f"{shown}: {'no such sample' if not found else f'{len(found)} samples of that name'}")
        elif found[0] in chosen:
            bad.append(f"{shown}: listed twice")
        elif label is None:
            bad.append(f"{shown}: label {entry['label']!r}, expected one of {', '.join(classes)}")
        else:
            chosen[found[0]] = label
            relabelled += label != frame["label"].iloc[found[0]]
    remedy = "Look at data.parts (roots, labels) and at the list; without it: data.list=null."
    raise_for_rows(bad, f"{path}: rows that cannot be used:", remedy, shown=ALL)
    rows = sorted(chosen)
    notes.append(
        f"Samples and labels are those of the list {path.name}: {len(rows)} of {len(frame)} that the labels would give"
        + (f"; {relabelled} of them have another label there." if relabelled else ".")
    )
    return frame.iloc[rows].assign(label=[chosen[row] for row in rows]).reset_index(drop=True)


def _person(dataset: str, subject: str) -> tuple[str, str]:
    """Data set by its letters and digits, person by number: (`CASME II`, `1`) and (`casme2`, `sub01`) are one."""
    name = re.sub(r"[^a-z0-9]", "", dataset.casefold().replace("ii", "2"))
    return re.sub(r"^smic.*", "smic", name), re.sub(r"^\D*0*(?=\d)", "", subject.strip().casefold())


def _clip_spellings(clip: str) -> list[str]:
    """The clip's name without regard to case, as it is (marked by `=`) and without padding zeros."""
    name = clip.strip().casefold()
    return [f"={name}", re.sub(r"(?<!\d)0+(?=\d)", "", name)]


def _check_classes(tables: dict[str, SampleTable]) -> None:
    (first, wanted), *others = ((name, table.classes) for name, table in tables.items())
    differing = [f"{name} has {', '.join(classes)}" for name, classes in others if classes != wanted]
    if differing:
        raise ConfigError(
            [
                f"data.parts: expected one class set, but {first} has {', '.join(wanted)} and {'; '.join(differing)}. "
                "Choose label sets that agree: data.parts.NAME.labels"
            ]
        )
