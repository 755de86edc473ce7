"""Hash files, and store the hashes so that unchanged files are not read again.

Contract: a stored hash is used only if size, times of change and inode of the file are still the same. As in git's
index, the hash of a file that changed less than `RACY` seconds before is not stored, since another change might not
show in its times. The hashes are stored in `files.sqlite` in the cache. A damaged database is made again; without a
usable one all files are read.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mer.inputs.cache.threads import with_progress
from mer.inputs.frames.open_image import max_bytes, reading_mark
from mer.utils.console import say_error
from mer.utils.timing import HASHING, timed

#: Stands for the hash of a file that cannot be read; whoever reads the file raises the error.
MISSING = b"missing"
#: Coarsest time stamp of usual file systems in seconds (FAT).
RACY = 2.0
#: Files hashed between two writes to the database; paths in one query.
BATCH = 500
#: Seconds to wait for a process that locks the database: before and after a message.
PATIENCE = (2.0, 8.0)
NAME = "files.sqlite"
#: Raise the number when the columns or the hashes change; version 1 did not cover the orientation of images.
_TABLE = "files_2"

T = TypeVar("T")

#: Databases that this process no longer uses, since another process locked them for too long.
_given_up: set[Path] = set()


@dataclass(frozen=True)
class _State:
    """State of a file in the file system: `text` changes whenever the file does, `changed` is a time in seconds."""

    text: str
    changed: float


def file_hashes(
    paths: Sequence[str], cache_dir: Path, *, title: str = "files", progress: bool = False
) -> dict[str, bytes]:
    """Return the SHA-256 of each file by path, 32 bytes; `MISSING` if it cannot be read.

    For an image that is not read as its plain pixels, `reading_mark` is hashed too.

    Args:
        paths: files, with or without repeats.
        cache_dir: hashes are stored in `files.sqlite` in this folder.
        title: text of the progress bar.
        progress: whether to show a progress bar while files are read.
    """
    database = Path(cache_dir).expanduser() / NAME
    with timed(HASHING):
        now = time.time()  # taken first, so that any later change of a file has a later time
        states = {path: _state(path) for path in dict.fromkeys(paths)}
        known = _stored(database, list(states))
        found: dict[str, bytes] = {}
        for path, state in states.items():
            if state is None:
                found[path] = MISSING
            elif path in known and known[path][0] == state.text:
                found[path] = known[path][1]
        rest = [path for path in states if path not in found]
        batches = [rest[start : start + BATCH] for start in range(0, len(rest), BATCH)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for batch in with_progress(batches, f"checking {title}", len(batches), progress=progress and bool(rest)):
                fresh = dict(zip(batch, pool.map(_hash, batch), strict=True))
                found |= fresh
                _store(database, {path: (states[path], value) for path, value in fresh.items()}, now)
    return found


def _state(path: str) -> _State | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    changed = max(found.st_mtime, found.st_ctime)
    return _State(f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}", changed)


def _hash(path: str) -> bytes:
    try:
        if Path(path).stat().st_size > max_bytes():  # `open_image` refuses it
            return MISSING
        content = Path(path).read_bytes()
    except OSError:
        return MISSING
    return hashlib.sha256(content + reading_mark(content)).digest()


def _stored(database: Path, paths: list[str]) -> dict[str, tuple[str, bytes]]:
    """Return state and hash of these files by path, as far as they are stored."""

    def ask(connection: sqlite3.Connection) -> dict[str, tuple[str, bytes]]:
        found = {}
        for start in range(0, len(paths), BATCH):
            part = paths[start : start + BATCH]
            marks = ",".join("?" * len(part))
            rows = connection.execute(f"SELECT path, state, hash FROM {_TABLE} WHERE path IN ({marks})", part)
            found.update({path: (state, value) for path, state, value in rows})
        return found

    return (_with(database, ask) or {}) if database.is_file() else {}


def _store(database: Path, files: dict[str, tuple[_State | None, bytes]], now: float) -> None:
    """Store the hashes of the files that had not changed for `RACY` seconds when they were read at `now`."""
    rows = [
        (path, state.text, value)
        for path, (state, value) in files.items()
        if state is not None and value != MISSING and state.changed < now - RACY
    ]
    if rows:
        _with(database, lambda connection: connection.executemany(f"REPLACE INTO {_TABLE} VALUES (?, ?, ?)", rows))


def _with(database: Path, work: Callable[[sqlite3.Connection], T]) -> T | None:
    """Return the result of `work` in one transaction, or None if the database cannot be used."""
    if database in _given_up:
        return None
    silent, longer = PATIENCE
    for seconds in (silent, longer):
        try:
            return _transact(database, work, seconds)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                return None  # read-only, no space
            say_error(
                f"{database} is locked by another process, waiting up to {longer:.0f} s more"
                if seconds == silent
                else f"{database} is still locked, going on without it: hashes of files are computed, none are kept"
            )
        except sqlite3.DatabaseError:  # no database, or a damaged one
            database.unlink(missing_ok=True)
        except OSError:
            return None
    _given_up.add(database)
    return None


def _transact(database: Path, work: Callable[[sqlite3.Connection], T], seconds: float) -> T:
    """Return the result of `work` in one transaction; wait up to `seconds` for a lock."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(database, timeout=seconds)) as connection, connection:
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {_TABLE} (path TEXT PRIMARY KEY, state TEXT, hash BLOB) WITHOUT ROWID"
        )
        return work(connection)
