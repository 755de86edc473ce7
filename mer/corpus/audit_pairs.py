"""Clips that are near copies of one another, by the signs of `audit_frames`: same look, same change.

Contract: a pure function. The look alone cannot tell, since all clips of a person look alike; the change between two
key frames can, since two expressions never move alike in every spot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

#: Share of bits that may differ. Measured on 60 drawn clips of 4 people at two difficulties: copies at JPEG quality 80
#: or half the side differ in at most .03 of the look and .21 of the change (quality 60: .24); two clips of one person
#: (1,542 pairs) in at least .03 and .26.
LOOK, CHANGE = 0.08, 0.22
#: For still images, which have no change to tell people from pictures.
STILL = 0.02
#: Rows compared at a time: 1,024 by all of 36,000 is 150 MB.
BLOCK = 1024


def near_copies(
    looks: Sequence[np.ndarray | None], changes: Sequence[np.ndarray | None] | None
) -> Iterator[tuple[int, int, float]]:
    """Pairs (a, b, share of the look's bits that differ) with a < b that are near copies.

    Args:
        looks: bits of each clip's look, None = no print.
        changes: bits of each clip's change, None = no print; None for still images.
    """
    look = _signed(looks)
    change = None if changes is None else _signed(changes)
    limit = STILL if change is None else LOOK
    for start in range(0, len(looks), BLOCK):
        far = _distance(look[start : start + BLOCK], look)
        near = far <= limit
        if change is not None:
            near &= _distance(change[start : start + BLOCK], change) <= CHANGE
        for row, column in np.argwhere(near):
            if start + row < column:
                yield int(start + row), int(column), float(far[row, column])


def _signed(prints: Sequence[np.ndarray | None]) -> np.ndarray:
    """Prints as +1 and -1, (N, bits) float32; 0 where there is none, half the bits away from all."""
    bits = next((item.size for item in prints if item is not None), 1)
    rows = np.zeros((len(prints), bits), dtype=np.float32)
    for row, item in zip(rows, prints, strict=True):
        if item is not None:
            row[:] = np.where(item.ravel(), 1, -1)
    return rows


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Share of bits that differ, (len(a), len(b))."""
    return (1 - a @ b.T / a.shape[1]) / 2
