"""Derive seeds from names with `seed_from`."""

from __future__ import annotations

import hashlib


def seed_from(seed: int, *names: str | int) -> int:
    """Return a seed in 0..2^32-1 that depends only on `seed` and the names, in order."""
    return int.from_bytes(hashlib.sha256(repr((seed, *names)).encode()).digest()[:4], "big")
