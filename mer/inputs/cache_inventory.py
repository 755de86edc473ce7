"""List and remove the entries of the cache.

Contract: only files and folders with names that this program gives are counted or removed, never others and never
symbolic links. Entries may be removed at any time; a run that needs them makes them again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer.inputs.cache import file_hashes
from mer.inputs.faces.crop_files import INDEX
from mer.inputs.input_arrays import PARTS

#: By folder in the cache: suffixes of the entries' files (none: each entry is a folder), and a description.
KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "faces": ((), "aligned crops, one folder per clip"),
    "apex": ((".json",), "spotted apexes, one file per clip"),
    PARTS: ((".npy", ".json"), "inputs of single clips of unfinished tables"),
    "pixels": ((".npy", ".json"), "inputs of whole tables"),
    "drawn": ((".npy", ".json"), "drawn inputs"),
    "prints": ((".npy", ".json"), "perceptual hashes of key frames, for the leak audit"),
    "synthetic": ((), "drawn clips"),
    "fer2013": ((), "images extracted from fer2013.csv"),
}
#: Kind of the file in the cache folder itself that stores hashes of the user's files.
HASHES = "hashes"
#: Seconds that an unfinished entry is kept, since another process may still write it.
UNFINISHED_KEPT = 24 * 3600.0

_NAME = re.compile(r"[0-9a-f]{16}")
_UNFINISHED = re.compile(r"\.[0-9a-f]{16}-\w{8}")


@dataclass(frozen=True)
class Entry:
    """Describe one entry of the cache.

    Attributes:
        kind: key of `KINDS`, or `HASHES`.
        paths: its files, or its folder.
        size: bytes.
        read: time of the last read or write in seconds since 1970, as exact as the file system records it.
        of: data and settings in words, if the entry records them.
        unfinished: whether its process still works or was killed.
    """

    kind: str
    paths: tuple[Path, ...]
    size: int
    read: float
    of: str = ""
    unfinished: bool = False


def entries(cache_dir: Path) -> list[Entry]:
    """Return all entries of the cache, by kind and name."""
    cache = Path(cache_dir).expanduser()
    found = [entry for kind in KINDS for entry in _of_kind(cache / kind, kind)]
    memory = cache / file_hashes.NAME
    if memory.is_file() and not memory.is_symlink():
        found.append(Entry(HASHES, (memory,), *_measured([memory])))
    return found


def older_than(found: Sequence[Entry], *, days: float = 0) -> list[Entry]:
    """Return the entries not read for `days` days; unfinished ones are kept at least `UNFINISHED_KEPT` seconds."""
    now = time.time()
    keep = {False: days * 86400, True: max(days * 86400, UNFINISHED_KEPT)}
    return [entry for entry in found if now - entry.read >= keep[entry.unfinished]]


def remove(found: Sequence[Entry]) -> None:
    """Remove entries; raise an OSError if one cannot be removed.

    Folders of kinds stay, since another process may write there.
    """
    for entry in found:
        for path in entry.paths:
            if path.is_dir():
                gone = path.with_name(f".{path.name[:16]}-removing") if not entry.unfinished else path
                if gone != path:
                    shutil.rmtree(gone, ignore_errors=True)
                path.replace(gone)  # atomic, so that no process reads half of it
                shutil.rmtree(gone)
            else:
                path.unlink(missing_ok=True)


def as_status(found: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return number and size of entries by kind, data and settings, as JSON values."""
    groups: dict[tuple[str, bool, str], list[Entry]] = {}
    for entry in found:
        groups.setdefault((entry.kind, entry.unfinished, entry.of), []).append(entry)
    return [
        {
            "kind": kind,
            "of": "unfinished, of a process that works or was killed" if unfinished else of,
            "entries": len(group),
            "bytes": sum(entry.size for entry in group),
            "days_unread": max(0.0, (time.time() - max(entry.read for entry in group)) / 86400),
        }
        for (kind, unfinished, of), group in groups.items()
    ]


def status_lines(cache: Path, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield lines that list what is in the cache, or what was removed from it; rows as `as_status`."""
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        what = KINDS[kind][1] if kind in KINDS else "hashes of files"
        yield f"{kind}: {_sum(mine)} ({what})"
        yield from (f"  {row['of']}: {_sum([row])}" for row in mine if row["of"])
    yield f"{cache}: {_sum(rows)}" if rows else f"{cache}: no entries"


def _sum(rows: Sequence[dict[str, Any]]) -> str:
    entries, size = sum(row["entries"] for row in rows), sum(row["bytes"] for row in rows)
    days = min(row["days_unread"] for row in rows)
    when = "less than a day ago" if days < 1 else f"{days:.0f} days ago"
    return f"{entries} entr{'y' if entries == 1 else 'ies'}, {size / 1e6:,.1f} MB, last read {when}"


def _of_kind(folder: Path, kind: str) -> Iterator[Entry]:
    """Yield the entries in the folder of a kind."""
    endings, _ = KINDS[kind]
    if folder.is_symlink() or not folder.is_dir():
        return
    groups: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        stem, ending = (path.name, "") if not endings else (path.stem, path.suffix)
        fits = path.is_dir() if not endings else path.is_file() and ending in endings
        if fits and not path.is_symlink() and (_NAME.fullmatch(stem) or _UNFINISHED.fullmatch(stem)):
            groups.setdefault(stem, []).append(path)
    for stem, paths in groups.items():
        files = paths if endings else [path for path in paths[0].rglob("*") if path.is_file() and not path.is_symlink()]
        size, read = _measured(files or paths)
        unfinished = not _NAME.fullmatch(stem)
        # the array is removed before its index, so that no array is ever without one
        ordered = tuple(sorted(paths, key=lambda path: path.suffix != ".npy"))
        yield Entry(kind, ordered, size, read, "" if unfinished else _describe(kind, paths), unfinished)


def _measured(files: Sequence[Path]) -> tuple[int, float]:
    """Return the total size of files in bytes and the time of the last read or write of any."""
    found = []
    for path in files:
        try:
            found.append(path.stat())
        except OSError:  # removed meanwhile
            continue
    return sum(one.st_size for one in found), max((max(one.st_atime, one.st_mtime) for one in found), default=0.0)


def _describe(kind: str, paths: Sequence[Path]) -> str:
    """Return data and settings of an entry from its index; "" if its kind has no index, "?" if it is damaged."""
    index = {"faces": paths[0] / INDEX, "apex": paths[0], "pixels": paths[0].with_suffix(".json")}.get(kind)
    if index is None:
        return ""
    try:
        values = json.loads(_read_without_atime(index))
        data = values.get("data", "?")
        if kind == "faces":
            return f"{data}: {values['detector']}, {values['size']} pixels"
        if kind == "apex":
            return f"{data}: {values['method']}"
        return f"{data}: {values['representation']} {values['size']}x{values['size']}"
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return "?"


def _read_without_atime(path: Path) -> str:
    """Read a text file without changing its access time, if the system allows it."""
    flags: Any = os.O_RDONLY | getattr(os, "O_NOATIME", 0)
    try:
        handle = os.open(path, flags)
    except PermissionError:  # the file is another user's
        return path.read_text(encoding="utf-8")
    with os.fdopen(handle, encoding="utf-8") as file:
        return file.read()
