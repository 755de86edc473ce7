"""Tell whole PNG files from damaged ones without decoding their pixels."""

from __future__ import annotations

import zlib
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def is_whole_png(path: Path) -> bool:
    """Return whether a file is there, is a PNG up to its end mark, and all its checksums are right."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    if not content.startswith(SIGNATURE):
        return False
    place, kind = len(SIGNATURE), b""
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        end = place + 8 + length
        kind = content[place + 4 : place + 8]
        if zlib.crc32(content[place + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
            return False
        place = end + 4
    return kind == b"IEND" and place == len(content)
