"""Seeds derived from names."""

from __future__ import annotations

import hashlib


def seed_from(seed: int, *names: str | int) -> int:
    """Seed in 0..2^32-1 that depends on `seed` and the names, in order, and on nothing else."""
    return int.from_bytes(hashlib.sha256(repr((seed, *names)).encode()).digest()[:4], "big")
