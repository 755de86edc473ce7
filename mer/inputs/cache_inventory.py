"""What lies in the cache, and its removal: entries by kind, known by the names that this program gives and no others.

Contract: nothing else is ever counted or removed: no foreign file or folder beside them, no link and nothing behind
one. Entries may be removed at any time; they are made again when they are needed.
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

#: Kinds of entries by their folder in the cache: endings of their files (none: a folder each), and what they are.
KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "faces": ((), "aligned crops, a folder a clip"),
    "apex": ((".json",), "apexes that were looked for, a file a clip"),
    PARTS: ((".npy", ".json"), "inputs of clips whose table is not finished"),
    "pixels": ((".npy", ".json"), "inputs of whole tables"),
    "drawn": ((".npy", ".json"), "drawn inputs"),
    "prints": ((".npy", ".json"), "prints of key frames, for the leak audit"),
    "synthetic": ((), "drawn clips"),
    "fer2013": ((), "images taken out of fer2013.csv"),
}
#: The remembered hashes of files: one file in the cache itself.
HASHES = "hashes"
#: What an interrupted, or a still working, process has begun is left alone for so long, seconds.
BEGUN = 24 * 3600.0

_NAME = re.compile(r"[0-9a-f]{16}")
_BEGUN = re.compile(r"\.[0-9a-f]{16}-\w{8}")


@dataclass(frozen=True)
class Entry:
    """Something in the cache.

    Attributes:
        kind: key of `KINDS`, or `HASHES`.
        paths: its files, or its folder.
        size: bytes.
        read: when it was last read or written, seconds since 1970, as exactly as the file system keeps it.
        of: data and settings in words, where the entry tells.
        begun: whether it is unfinished.
    """

    kind: str
    paths: tuple[Path, ...]
    size: int
    read: float
    of: str = ""
    unfinished: bool = False


def entries(cache_dir: Path) -> list[Entry]:
    """Everything in the cache that this program has written, by kind and name."""
    cache = Path(cache_dir).expanduser()
    found = [entry for kind in KINDS for entry in _of_kind(cache / kind, kind)]
    memory = cache / file_hashes.NAME
    if memory.is_file() and not memory.is_symlink():
        found.append(Entry(HASHES, (memory,), *_measured([memory])))
    return found


def older_than(found: Sequence[Entry], *, days: float = 0) -> list[Entry]:
    """Entries that nobody has read for so many days, begun ones at least for `BEGUN`: what may be removed."""
    now = time.time()
    return [entry for entry in found if now - entry.read >= max(days * 86400, BEGUN if entry.unfinished else 0)]


def remove(found: Sequence[Entry]) -> None:
    """Remove entries; OSError where one cannot be removed. Folders of kinds stay: another process may write there."""
    for entry in found:
        for path in entry.paths:
            if path.is_dir():
                gone = path.with_name(f".{path.name[:16]}-removing") if not entry.unfinished else path
                if gone != path:
                    shutil.rmtree(gone, ignore_errors=True)
                path.replace(gone)  # at once, so that nobody reads half of it
                shutil.rmtree(gone)
            else:
                path.unlink(missing_ok=True)


def as_status(found: Sequence[Entry]) -> list[dict[str, Any]]:
    """Entries counted by kind, data and settings, as plain values."""
    groups: dict[tuple[str, bool, str], list[Entry]] = {}
    for entry in found:
        groups.setdefault((entry.kind, entry.unfinished, entry.of), []).append(entry)
    return [
        {
            "kind": kind,
            "of": "unfinished, of a process that works or was killed" if begun else of,
            "entries": len(group),
            "bytes": sum(entry.size for entry in group),
            "days_unread": max(0.0, (time.time() - max(entry.read for entry in group)) / 86400),
        }
        for (kind, begun, of), group in groups.items()
    ]


def status_lines(cache: Path, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield lines that tell what lies in the cache, or what was taken out of it; rows as `as_status`."""
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        what = KINDS[kind][1] if kind in KINDS else "remembered hashes of files"
        yield f"{kind}: {_sum(mine)} ({what})"
        yield from (f"  {row['of']}: {_sum([row])}" for row in mine if row["of"])
    yield f"{cache}: {_sum(rows)}" if rows else f"{cache}: nothing of ours"


def _sum(rows: Sequence[dict[str, Any]]) -> str:
    entries, size = sum(row["entries"] for row in rows), sum(row["bytes"] for row in rows)
    days = min(row["days_unread"] for row in rows)
    when = "less than a day ago" if days < 1 else f"{days:.0f} days ago"
    return f"{entries} entr{'y' if entries == 1 else 'ies'}, {size / 1e6:,.1f} MB, last read {when}"


def _of_kind(folder: Path, kind: str) -> Iterator[Entry]:
    """Entries in the folder of a kind."""
    endings, _ = KINDS[kind]
    if folder.is_symlink() or not folder.is_dir():
        return
    groups: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        stem, ending = (path.name, "") if not endings else (path.stem, path.suffix)
        fits = path.is_dir() if not endings else path.is_file() and ending in endings
        if fits and not path.is_symlink() and (_NAME.fullmatch(stem) or _BEGUN.fullmatch(stem)):
            groups.setdefault(stem, []).append(path)
    for stem, paths in groups.items():
        files = paths if endings else [path for path in paths[0].rglob("*") if path.is_file() and not path.is_symlink()]
        size, read = _measured(files or paths)
        begun = not _NAME.fullmatch(stem)
        # the array goes before its index: where there is an array, there is an index
        ordered = tuple(sorted(paths, key=lambda path: path.suffix != ".npy"))
        yield Entry(kind, ordered, size, read, "" if begun else _words(kind, paths), begun)


def _measured(files: Sequence[Path]) -> tuple[int, float]:
    """Bytes of files in all, and when one of them was last read or written."""
    found = []
    for path in files:
        try:
            found.append(path.stat())
        except OSError:  # removed meanwhile
            continue
    return sum(one.st_size for one in found), max((max(one.st_atime, one.st_mtime) for one in found), default=0.0)


def _words(kind: str, paths: Sequence[Path]) -> str:
    """Data and settings of an entry from its index; "" where it has none, or a damaged one."""
    index = {"faces": paths[0] / INDEX, "apex": paths[0], "pixels": paths[0].with_suffix(".json")}.get(kind)
    if index is None:
        return ""
    try:
        told = json.loads(_unnoticed(index))
        data = told.get("data", "?")
        if kind == "faces":
            return f"{data}: {told['detector']}, {told['size']} pixels"
        if kind == "apex":
            return f"{data}: {told['method']}"
        return f"{data}: {told['representation']} {told['size']}x{told['size']}"
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return "?"


def _unnoticed(path: Path) -> str:
    """Text of a file, read without counting as a use of it where the system lets us."""
    flags: Any = os.O_RDONLY | getattr(os, "O_NOATIME", 0)
    try:
        handle = os.open(path, flags)
    except PermissionError:  # the file is another user's
        return path.read_text(encoding="utf-8")
    with os.fdopen(handle, encoding="utf-8") as file:
        return file.read()
