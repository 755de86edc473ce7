"""Load image files listed in a CSV, such as your own data or motion maps from another program: call `load`.

Contract: columns sample_id, dataset, subject, label, path; optionally onset, apex, offset (paths of these frames),
folder (of all frames), aus and emotion (as annotated). Relative paths start at the CSV's folder. A row without apex
uses `path` as its apex. Pixels are not changed. Classes are the labels in the file, sorted, or the classes in
`data.labels` ("negative,positive,surprise"), in that order. Rows without a label are left out, with a note.
"""

from __future__ import annotations

import re
from collections import Counter
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from mer.config import ManifestData
from mer.data.facs.notation import unread_parts
from mer.data.loading.delimited import decode, numbered_rows
from mer.data.samples.identity import text_key
from mer.data.samples.schema import raise_for_rows
from mer.data.samples.table import SampleTable
from mer.errors import DatasetNotFoundError, SampleError

REQUIRED = ("sample_id", "dataset", "subject", "label", "path")
FRAMES = ("onset", "apex", "offset")
#: Further optional columns: folder of a clip's frames, annotated units and emotion.
FURTHER = ("folder", "aus", "emotion")
#: Cells that mean "no label" unless `data.labels` lists them: blanks, and the marks that programs write for them.
UNLABELLED = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "null", "?"})
#: Cells of ids that programs write for an empty one. `NA` and `Nan` may be people.
NOT_GIVEN = frozenset({"", "nan", "NaN", "<NA>", "#N/A"})
#: Most rows that a note lists.
SHOWN = 5

#: Similarity (ratio of difflib) from which a rare label counts as a misspelling of a frequent one: "positve" and
#: "positive" have .93, "disgust1" and "disgust2" .88.
CLOSE = 0.9


def load(data: ManifestData, cache_dir: Path) -> SampleTable:
    """Load the samples in the CSV, in its order.

    Raises:
        DatasetNotFoundError: the file does not exist.
        SampleError: the file cannot be read, columns are missing, or rows cannot be used; line numbers are those of an
            editor.
    """
    path = Path(data.manifest).expanduser().resolve()
    if not path.is_file():
        raise DatasetNotFoundError(
            f"data.manifest={path}: no such file. Expected a CSV with the columns {', '.join(REQUIRED)}, one row per "
            "clip, with paths relative to the CSV's folder. To try the pipeline without data: "
            "python -m mer.run +experiment=synthetic_loso"
        )
    listed = _read(path)
    _check(listed, path)
    listed, notes = _labelled(_with_one_spelling(listed, data.labels), data.labels, path)
    folder = path.parent
    images = {
        column: [_path(folder, cell) for cell in listed.get(column, [""] * len(listed))] for column in ("path", *FRAMES)
    }
    folders = [_path(folder, cell) for cell in listed.get("folder", [""] * len(listed))]
    _check_images(listed, images, folders, path)
    _refuse_alike_subjects(listed, path)
    classes = _classes(listed, data.labels, path)
    unknown = pd.array([None] * len(listed), dtype="Int64")
    frame = pd.DataFrame(
        {
            **{column: listed[column] for column in ("sample_id", "dataset", "subject", "label")},
            "clip": listed["sample_id"],
            "onset": unknown,
            "apex": unknown,
            "offset": unknown,
            "aus": listed.get("aus", ""),
            "emotion": listed.get("emotion", listed["label"]).str.casefold(),
            "folder": folders,
            "apex_source": ["annotated" if apex else "" for apex in images["apex"]],
            "onset_path": images["onset"],
            "apex_path": [apex or image for apex, image in zip(images["apex"], images["path"], strict=True)],
            "offset_path": images["offset"],
        }
    )
    notes += _notes(frame, listed)
    return SampleTable(frame, classes, name=path.name, notes=tuple(notes))


def given_classes(labels: str | None) -> tuple[str, ...]:
    """Return the classes in `data.labels`, () if it is null: "a, b" -> ("a", "b")."""
    return tuple(part.strip() for part in labels.split(",")) if labels is not None else ()


def config_errors(data: ManifestData) -> list[str]:
    """Return the errors in the configuration of a manifest, one sentence each."""
    classes = given_classes(data.labels)
    if data.labels is not None and (len(classes) < 2 or len(set(classes)) < len(classes) or "" in classes):
        return [f"data.labels: expected null or two or more classes with commas between, got {data.labels!r}"]
    return []


def _read(path: Path) -> pd.DataFrame:
    """Read the cells as trimmed text, "" for missing cells of a short row; the index is the line in the file."""
    rows = numbered_rows(decode(path.read_bytes(), path), path)
    lines = {line: cells for line, cells in rows if any(cells)}
    if not lines:
        raise SampleError(f"{path}: the file is empty. Expected a header {','.join(REQUIRED)} and one row per clip.")
    header, *numbers = lines
    names = lines[header]
    absent = [column for column in REQUIRED if column not in names]
    if absent:  # before the rows, since a file without this header is another kind of file
        raise SampleError(
            f"{path}: missing column(s) {', '.join(absent)}; expected {', '.join(REQUIRED)}, "
            f"found {', '.join(names)}. Add or rename the columns in its first line."
        )
    bad = [f"line {number}: {', '.join(lines[number])}" for number in numbers if any(lines[number][len(names) :])]
    raise_for_rows(
        bad, f"{path}: rows with more cells than the header's {len(names)}:", "Put cells with commas in quotes."
    )
    cells = [(lines[number] + [""] * len(names))[: len(names)] for number in numbers]
    return pd.DataFrame(cells, columns=names, index=numbers, dtype=object)


def _check(listed: pd.DataFrame, path: Path) -> None:
    """Raise a SampleError for repeated columns, no rows, empty cells or repeated ids."""
    twice = sorted({column for column in (*REQUIRED, *FRAMES, *FURTHER) if list(listed.columns).count(column) > 1})
    if twice:
        raise SampleError(
            f"{path}: expected each column once, got {', '.join(twice)} more than once. Rename or remove one."
        )
    if len(listed) == 0:
        raise SampleError(f"{path}: expected one row per clip below the header, found none. Add the rows.")
    for column in ("sample_id", "dataset", "subject"):
        bad = [_line(listed, row) for row, cell in enumerate(listed[column]) if cell in NOT_GIVEN]
        raise_for_rows(bad, f"{path}: column {column} is empty in", "Fill the cells, or remove the rows.")
    counts = Counter(listed["sample_id"])
    bad = [_line(listed, row) for row, sample in enumerate(listed["sample_id"]) if counts[sample] > 1]
    raise_for_rows(bad, f"{path}: column sample_id: expected each id once, got", "Give each clip its own id.")


def _with_one_spelling(listed: pd.DataFrame, labels: str | None) -> pd.DataFrame:
    """Return the rows with one spelling for labels of one number: `0`, `0.0` and `00`."""
    wanted = {number: label for label in given_classes(labels) if (number := _number(label)) is not None}
    for label in sorted(set(listed["label"]), key=lambda label: (len(label), label)):
        if (number := _number(label)) is not None:
            wanted.setdefault(number, label)
    spelled = [label if (number := _number(label)) is None else wanted[number] for label in listed["label"]]
    return listed.assign(label=spelled)


def _number(label: str) -> float | None:
    return float(label) if re.fullmatch(r"[+-]?\d+(\.\d*)?", label) else None


def _labelled(listed: pd.DataFrame, labels: str | None, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows with a label, and a note on the others; SampleError if no row has a label."""
    classes = given_classes(labels)
    none = [label.casefold() in UNLABELLED and label not in classes for label in listed["label"]]
    if all(none):
        raise SampleError(
            f"{path}: column label is empty in all {len(listed)} rows. Training and scores need labels: fill it."
        )
    if not any(none):
        return listed, []
    told = _few([_line(listed, row) for row, empty in enumerate(none) if empty])
    return listed[[not empty for empty in none]], [f"Left out {sum(none)} clips without a label: {told}."]


def _notes(frame: pd.DataFrame, listed: pd.DataFrame) -> list[str]:
    """Return notes on clips without motion, and on text that is not an action unit."""
    still = [
        _line(listed, row)
        for row, (onset, apex) in enumerate(zip(frame["onset_path"], frame["apex_path"], strict=True))
        if onset and Path(onset).resolve() == Path(apex).resolve()
    ]
    unread = [f"{_line(listed, row)}: {rest}" for row, text in enumerate(frame["aus"]) if (rest := unread_parts(text))]
    found = []
    if still:
        found.append(f"The apex is the onset in {len(still)} clips, so that they show no motion: {_few(still)}.")
    if unread:
        found.append(f"Action units: {len(unread)} clips have a part that is not a unit, kept as text: {_few(unread)}.")
    return found


def _path(folder: Path, cell: str) -> str:
    """Return the path in a cell, "" if it is empty; backslashes, as Windows writes them, are tried as slashes."""
    path = folder / cell
    if "\\" in cell and not path.exists():
        path = folder / cell.replace("\\", "/")
    return str(path) if cell else ""


def _few(rows: list[str]) -> str:
    return "; ".join(rows[:SHOWN]) + (f"; and {len(rows) - SHOWN} more" if len(rows) > SHOWN else "")


def _check_images(listed: pd.DataFrame, images: dict[str, list[str]], folders: list[str], path: Path) -> None:
    """Raise a SampleError with all images and folders that are not on disk, and all rows without any image."""
    bad = []
    for row in range(len(listed)):
        paths = {column: images[column][row] for column in images}
        if not paths["path"] and not paths["apex"]:
            bad.append(f"{_line(listed, row)}: column path is empty")
        bad += [
            f"{_line(listed, row)}: column {column}: no such file {image}"
            for column, image in paths.items()
            if image and not Path(image).is_file()
        ]
        if folders[row] and not Path(folders[row]).is_dir():
            bad.append(f"{_line(listed, row)}: column folder: no such folder {folders[row]}")
    raise_for_rows(
        bad, f"{path}: images that are not on disk:", "Correct the paths: they count from the CSV's folder.", shown=1000
    )


def _refuse_alike_subjects(listed: pd.DataFrame, path: Path) -> None:
    """Raise a SampleError if subjects differ in case only, since a fold could train on the person that it tests."""
    people = sorted(set(zip(listed["dataset"], listed["subject"], strict=True)))
    folded = Counter((dataset, subject.casefold()) for dataset, subject in people)
    alike = [f"{dataset}:{subject}" for dataset, subject in people if folded[dataset, subject.casefold()] > 1]
    if alike:
        raise SampleError(
            f"{path}: column subject: {', '.join(alike)} differ in case only. Use one spelling for one person, or give "
            "two people names that differ in more than case."
        )


def _classes(listed: pd.DataFrame, labels: str | None, path: Path) -> tuple[str, ...]:
    classes = given_classes(labels)
    if classes:
        bad = [f"{_line(listed, row)}: {label!r}" for row, label in enumerate(listed["label"]) if label not in classes]
        head = f"{path}: column label: expected one of {', '.join(classes)} (data.labels), got"
        raise_for_rows(bad, head, "Correct the labels, or list them in data.labels.")
        return classes
    found = sorted(set(listed["label"]))
    folded = Counter(text_key(label) for label in found)
    alike = [label for label in found if folded[text_key(label)] > 1]
    if alike:
        raise SampleError(
            f"{path}: column label: {', '.join(alike)} differ in case only (or in blanks or invisible characters), and "
            "would be different classes. Use one spelling, or list the classes in data.labels."
        )
    counts = Counter(listed["label"])
    slips = [(label, meant) for label in found if (meant := _meant(label, counts))]
    bad = [
        f"{_line(listed, row)}: {label!r}, elsewhere {meant!r}"
        for row, label in enumerate(listed["label"])
        for slip, meant in slips
        if label == slip
    ]
    raise_for_rows(
        bad,
        f"{path}: column label: rare labels with nearly the spelling of a frequent class:",
        "Correct them, or list the classes in data.labels.",
    )
    return tuple(found)


def _meant(label: str, counts: Counter[str]) -> str | None:
    """Return the class that a rare label may be a typing error of: similar, and ten times as frequent."""
    near = get_close_matches(
        label, [other for other in counts if counts[other] >= 10 * counts[label]], n=1, cutoff=CLOSE
    )
    return near[0] if near else None


def _line(listed: pd.DataFrame, row: int) -> str:
    return f"line {listed.index[row]} (sample_id {listed['sample_id'].iloc[row]!r})"
