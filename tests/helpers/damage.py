"""Ways in which a file is damaged: by a full disk, a bad sector, a flipped bit, a careless hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def delete(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def zero_block(path: Path) -> None:
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(64) + content[middle + 64 :])


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


DAMAGES: tuple[Callable[[Path], None], ...] = (delete, empty, truncate, flip_bit, zero_block, append)
