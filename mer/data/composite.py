"""Join several data sets with the same classes in one table, by label or by an official list: call `load`.

Contract: each part is loaded by its own source; the rows are joined in the order of the configuration. A list (dataset,
subject, clip, label) selects samples and gives their labels; a row of the list without a sample is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from mer.config import CompositeData, DataConfig
from mer.data.loading.annotations import ALL, clip_name
from mer.data.loading.official_list import MEGC2019_COUNTS, class_of, read_list
from mer.data.samples.identity import clip_keys, number_key, people_of, person_key
from mer.data.samples.schema import raise_for_rows
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError, DatasetNotFoundError, SampleError


def load(data: CompositeData, load_part: Callable[[DataConfig], SampleTable]) -> SampleTable:
    """Load the samples of all parts, or those in `data.list`.

    Args:
        data: configuration with parts by name, and the list.
        load_part: function that loads the samples of one part.

    Raises:
        ConfigError: the parts have different classes.
        DatasetNotFoundError: a part or the list is not found.
        SampleError: two parts share samples, or rows of the list cannot be used.
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
    uncropped = tuple(key for table in tables.values() for key in table.uncropped)
    return SampleTable(frame, classes, name=name, notes=tuple(notes), synthetic=synthetic, uncropped=uncropped)


def config_errors(data: CompositeData, part_errors: Callable[[DataConfig], list[str]]) -> list[str]:
    """Return the errors in the configuration of a composite, one sentence each, with the keys of the parts."""
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
        found += [_of_part(error, name) for error in part_errors(part)]
    return found


def _load_part(name: str, part: DataConfig, load_part: Callable[[DataConfig], SampleTable]) -> SampleTable:
    """Return the samples of a part; errors name the keys of the part."""
    try:
        return load_part(part)
    except (DatasetNotFoundError, SampleError) as error:
        raise type(error)(_of_part(str(error), name)) from error


def _of_part(message: str, name: str) -> str:
    """Return a message about a source with `data.root` and other keys as in the part `name`."""
    return re.sub(r"(?<![\w/.])data\.(?=[a-z])", f"data.parts.{name}.", message)


def _listed(frame: pd.DataFrame, path: Path, classes: tuple[str, ...], notes: list[str]) -> pd.DataFrame:
    """Return the rows of `frame` in the list, with its labels; differences are added to `notes`."""
    rows_of: dict[tuple[str, str, str], list[int]] = {}
    for row, (dataset, subject, clip) in enumerate(zip(frame["dataset"], frame["subject"], frame["clip"], strict=True)):
        for key in _keys(dataset, subject, clip):
            rows_of.setdefault(key, []).append(row)
    chosen: dict[int, str] = {}
    bad, relabelled = [], 0
    for entry in read_list(path):
        shown = f"line {entry['row']}: {entry['dataset']}, subject {entry['subject']}, clip {entry['clip']}"
        # exact names are tried first, since CASME II has clips that differ in a padding zero
        keys = _keys(entry["dataset"], entry["subject"], clip_name(entry["clip"]))
        found = next((rows_of[key] for key in keys if key in rows_of), [])
        label = class_of(entry["label"], classes)
        if len(found) != 1:
            bad.append(f"{shown}: {'no such sample' if not found else f'{len(found)} samples of that name'}")
        elif found[0] in chosen:
            bad.append(f"{shown}: listed twice")
        elif label is None:
            bad.append(f"{shown}: label {entry['label']!r}, expected one of {', '.join(classes)}")
        else:
            chosen[found[0]] = label
            relabelled += label != frame["label"].iloc[found[0]]
    remedy = "Check data.parts (roots, labels) and the list; data.list=null goes on without it."
    raise_for_rows(bad, f"{path}: rows that cannot be used:", remedy, shown=ALL)
    rows = sorted(chosen)
    counts = {label: list(chosen.values()).count(label) for label in classes}
    whole = " This is the whole list of MEGC 2019." if counts == MEGC2019_COUNTS else ""
    notes.append(
        f"Samples and labels are those of the list {path.name}: {len(rows)} of {len(frame)} that the labels would give"
        + (f"; {relabelled} of them have another label there." if relabelled else ".")
        + f" Classes: {', '.join(f'{label} {count}' for label, count in counts.items())}.{whole}"
    )
    return frame.iloc[rows].assign(label=[chosen[row] for row in rows]).reset_index(drop=True)


def _keys(dataset: str, subject: str, clip: str) -> list[tuple[str, str, str]]:
    """Return the keys of a sample, the strictest first; person `1` and `sub01` of CASME II share a later one."""
    return [
        (people_of(dataset), person, name)
        for person in dict.fromkeys((f"={person_key(subject)}", number_key(subject)))
        for name in clip_keys(clip)
    ]


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
