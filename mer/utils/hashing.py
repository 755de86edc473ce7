"""Hash values with `digest` and files with `stream_sha256`, `file_hash` or `image_hash`."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any


def digest(value: Any) -> str:
    """Return the first 16 hex digits of the SHA-256 of a JSON-serialisable value; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def stream_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes as hex digits; reads a megabyte at a time."""
    total = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(1 << 20):
            total.update(chunk)
    return total.hexdigest()


def file_hash(path: str | None) -> str | None:
    """Return the first 16 hex digits of the SHA-256 of a file's bytes; None if the path is None."""
    return None if path is None else stream_sha256(Path(path).expanduser())[:16]


def image_hash(path: str) -> str:
    """SHA-256 of an image file's bytes; read once a process, and again where the file system says that it changed."""
    state = Path(path).stat()
    return _image_hash(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)


@lru_cache(maxsize=100_000)
def _image_hash(path: str, *state: int) -> str:
    return stream_sha256(path)
