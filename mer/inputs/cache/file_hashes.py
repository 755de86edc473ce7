"""Hashes of files, remembered by what the file system says of them: unchanged files are not read again.

Contract: a hash comes from memory only where size, times of change and inode are those of the file that was read. As
in git's index, what changed less than `RACY` seconds before it was looked at is not remembered, for one more change
might leave no trace. The memory is `files.sqlite` in the cache: begun anew where it is damaged, and done without where
it cannot be used.
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

#: In place of the hash of a file that cannot be read; whoever needs the file says so.
MISSING = b"missing"
#: Coarsest time stamp of usual file systems in seconds (FAT).
RACY = 2.0
#: Files hashed between two writings of the memory; paths in one question to it.
BATCH = 500
#: Seconds that a process waits for another one that writes: in silence, then after a word on it.
PATIENCE = (2.0, 8.0)
NAME = "files.sqlite"
#: Raise the number when the columns or the hashes change; 1 knew of no orientation.
_TABLE = "files_2"

T = TypeVar("T")

#: Memories that this process goes on without, since another one held them for too long.
_given_up: set[Path] = set()


@dataclass(frozen=True)
class _State:
    """What the file system says of a file: `words` decide whether it is the same, `changed` is in seconds."""

    words: str
    changed: float


def file_hashes(
    paths: Sequence[str], cache_dir: Path, *, title: str = "files", progress: bool = False
) -> dict[str, bytes]:
    """Return the SHA-256 of each file's bytes by path, 32 bytes; `MISSING` where it cannot be read.

    Images that are not read as their plain pixels have `reading_mark` behind their bytes.

    Args:
        paths: may repeat.
        cache_dir: the memory lies in `files.sqlite` in it.
        title: what the bar says.
        progress: whether a bar is shown while files are read.
    """
    memory = Path(cache_dir).expanduser() / NAME
    with timed(HASHING):
        now = time.time()  # before the first look: whatever changes a file later gives it a later time
        states = {path: _state(path) for path in dict.fromkeys(paths)}
        known = _recalled(memory, list(states))
        found: dict[str, bytes] = {}
        for path, state in states.items():
            if state is None:
                found[path] = MISSING
            elif path in known and known[path][0] == state.words:
                found[path] = known[path][1]
        rest = [path for path in states if path not in found]
        batches = [rest[start : start + BATCH] for start in range(0, len(rest), BATCH)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for batch in with_progress(batches, f"checking {title}", len(batches), progress=progress and bool(rest)):
                fresh = dict(zip(batch, pool.map(_hash, batch), strict=True))
                found |= fresh
                _remember(memory, {path: (states[path], value) for path, value in fresh.items()}, now)
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
        if Path(path).stat().st_size > max_bytes():  # refused by whoever reads it
            return MISSING
        content = Path(path).read_bytes()
    except OSError:
        return MISSING
    return hashlib.sha256(content + reading_mark(content)).digest()


def _recalled(memory: Path, paths: list[str]) -> dict[str, tuple[str, bytes]]:
    """What the memory knows of these files: state and hash by path."""

    def ask(connection: sqlite3.Connection) -> dict[str, tuple[str, bytes]]:
        found = {}
        for start in range(0, len(paths), BATCH):
            part = paths[start : start + BATCH]
            marks = ",".join("?" * len(part))
            rows = connection.execute(f"SELECT path, state, hash FROM {_TABLE} WHERE path IN ({marks})", part)
            found.update({path: (state, value) for path, state, value in rows})
        return found

    return (_with(memory, ask) or {}) if memory.is_file() else {}


def _remember(memory: Path, files: dict[str, tuple[_State | None, bytes]], now: float) -> None:
    """Keep the hashes of the files that had not changed just before `now`, the time at which they were looked at."""
    rows = [
        (path, state.words, value)
        for path, (state, value) in files.items()
        if state is not None and value != MISSING and state.changed < now - RACY
    ]
    if rows:
        _with(memory, lambda connection: connection.executemany(f"REPLACE INTO {_TABLE} VALUES (?, ?, ?)", rows))


def _with(memory: Path, work: Callable[[sqlite3.Connection], T]) -> T | None:
    """What `work` gives on the memory, in one transaction; None where the memory cannot be used."""
    if memory in _given_up:
        return None
    waiting, told = PATIENCE
    for seconds in (waiting, told):
        try:
            return _ask(memory, work, seconds)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                return None  # read-only, no space
            say_error(
                f"{memory} is locked by another process, waiting up to {told:.0f} s more"
                if seconds == waiting
                else f"{memory} is still locked, going on without it: hashes of files are computed, none are kept"
            )
        except sqlite3.DatabaseError:  # no database, or a damaged one
            memory.unlink(missing_ok=True)
        except OSError:
            return None
    _given_up.add(memory)
    return None


def _ask(memory: Path, work: Callable[[sqlite3.Connection], T], seconds: float) -> T:
    """What `work` gives on the memory, which is waited for as long."""
    memory.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(memory, timeout=seconds)) as connection, connection:
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {_TABLE} (path TEXT PRIMARY KEY, state TEXT, hash BLOB) WITHOUT ROWID"
        )
        return work(connection)
