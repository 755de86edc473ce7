"""Check the files of finished folds and stages: `seal` records their hashes, `damage` compares them."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from mer.errors import DamagedFileError
from mer.run_files import FOLD, FOLDS_FOLDER, STAGE
from mer.utils.atomic_files import read_json
from mer.utils.hashing import stream_sha256

#: Key of `fold.json` and `stage.json`: the SHA-256 of every other file of the folder by its name, and that of the
#: record itself, without this entry, by its own. Records of older versions have none.
HASHES = "sha256"

#: What such a record always holds.
REQUIRED = {FOLD: ("config_hash", "environment"), STAGE: ("chain", "steps", "seconds", "origin")}

#: What its values are, where it has them; None stands for what was not measured.
TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("config_hash", "data_hash", "chain"), str),
    **dict.fromkeys(("seconds", "train_seconds", "accuracy", "validation_uf1"), (int, float, type(None))),
    **dict.fromkeys(("steps", "epochs", "chosen_epoch"), (int, float, type(None))),
    "environment": dict,
    "origin": list,
}


def completed_folds(run: str | Path) -> list[Path]:
    """Return the folders of finished, undamaged folds, sorted by name.

    A fold's folder is renamed when its files are complete, so a folder with `fold.json` is finished; names that begin
    with a dot are in progress.
    """
    folder = Path(run) / FOLDS_FOLDER
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and (path / FOLD).is_file() and damage(path, FOLD) is None
    )


def seal(folder: Path, name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record with `HASHES` of itself and of every file now in the folder."""
    files = {str(path.relative_to(folder).as_posix()): path for path in sorted(folder.rglob("*")) if path.is_file()}
    hashes = {key: stream_sha256(path) for key, path in files.items() if key != name}
    return {**record, HASHES: {**hashes, name: _record_hash(record)}}


def damage(folder: Path, name: str) -> str | None:
    """Return what is wrong with a file of a finished fold or stage, with its path; None if all are undamaged.

    Args:
        folder: the folder of the fold or stage.
        name: name of its record, `FOLD` or `STAGE`. A record of an older version has no hashes; then tables and
            archives only need to be readable.
    """
    try:
        record = read_json(folder / name)
    except FileNotFoundError:
        return f"{folder / name} is missing"
    except (DamagedFileError, OSError):
        return f"{folder / name} was cut or edited"
    hashes = record.get(HASHES)
    if hashes is None:
        absent = [key for key in REQUIRED[name] if key not in record]
        wrong = [key for key, kind in TYPES.items() if key in record and not isinstance(record[key], kind)]
        if absent or wrong:
            return f"{folder / name} lacks {', '.join([*absent, *wrong])}"
        return _unreadable(folder)
    if not isinstance(hashes, dict):
        return f"{folder / name} was edited"
    for key, wanted in hashes.items():
        path = folder / key
        if not path.is_file():
            return f"{path} is missing"
        state = path.stat()
        found = _record_hash(record) if key == name else _file_hash(path, state.st_size, state.st_mtime_ns)
        if found != wanted:
            return f"{path} is not as it was written (its SHA-256 differs)"
    return None


def _unreadable(folder: Path) -> str | None:
    """Return which table or archive of a folder cannot be read; None if all can."""
    for path in sorted(folder.rglob("*.*")):
        state = path.stat()
        if path.is_file() and not _is_readable(path, state.st_size, state.st_mtime_ns):
            return f"{path} was cut or edited"
    return None


@lru_cache(maxsize=10_000)
def _is_readable(path: Path, size: int, changed: int) -> bool:
    """Return whether the rows of a table have one length, or an archive has correct checksums; True for others."""
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.reader(file))
            return len(rows) > 1 and len({len(row) for row in rows}) == 1
        if path.suffix in (".npz", ".ckpt"):
            with zipfile.ZipFile(path) as archive:
                return archive.testzip() is None
    except (OSError, ValueError, csv.Error, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        return False
    return True


@lru_cache(maxsize=10_000)
def _file_hash(path: Path, size: int, changed: int) -> str:
    """Return the SHA-256 of a file; reads it again only if its size or time changes."""
    return stream_sha256(path)


def _record_hash(record: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record without `HASHES`; the order of keys does not matter."""
    plain = json.loads(json.dumps({key: value for key, value in record.items() if key != HASHES}))
    return sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
