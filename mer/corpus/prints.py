"""Prints of clips, by which copies are known: signs of what a key frame shows and of how it changes.

Contract: pure functions. The look alone cannot tell copies, since all clips of a person look alike; the change between
two key frames can, since two expressions never move alike in every spot. A print of a flat picture is None.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

#: Side of the grid of signs; 256 bits a picture.
GRID = 16
#: Grey levels below which a picture has no print: signs of noise say nothing.
FLAT = 0.75
#: Share of bits that may differ. Measured on 60 drawn clips of 4 people at two difficulties: copies at JPEG quality 80
#: or half the side differ in at most .03 of the look and .21 of the change (quality 60: .24); two clips of one person
#: (1,542 pairs) in at least .03 and .26.
LOOK, CHANGE = 0.08, 0.22
#: For still images, which have no change to tell people from pictures.
STILL = 0.02
#: Rows compared at a time: 1,024 by all of 36,000 is 150 MB.
BLOCK = 1024

Print = np.ndarray | None


def small(pixels: np.ndarray) -> np.ndarray:
    """Grey (GRID + 1, GRID + 1) float32 of (H, W) or (H, W, 3), area means."""
    grey = pixels.astype(np.float32)
    grey = grey if grey.ndim == 2 else grey.mean(axis=2)
    return cv2.resize(grey, (GRID + 1, GRID + 1), interpolation=cv2.INTER_AREA)


def signs(picture: np.ndarray) -> Print:
    """Whether a value of `small` exceeds its right and its lower neighbour: bool (2, GRID * GRID), None where flat.

    The difference hash (Krawetz 2013), in both directions; of a difference of two pictures as of one.
    """
    if float(picture.std()) < FLAT:
        return None
    right = picture[:-1, 1:] > picture[:-1, :-1]
    below = picture[1:, :-1] > picture[:-1, :-1]
    return np.stack([right.ravel(), below.ravel()])


def near_copies(looks: Sequence[Print], changes: Sequence[Print] | None) -> Iterator[tuple[int, int, float]]:
    """Pairs (a, b, share of the look's bits that differ) with a < b that are near copies; arguments as `near_pairs`."""
    both = (looks, changes)
    return ((a, b, distance) for a, b, distance in near_pairs(both, both) if a < b)


def near_pairs(
    left: tuple[Sequence[Print], Sequence[Print] | None], right: tuple[Sequence[Print], Sequence[Print] | None]
) -> Iterator[tuple[int, int, float]]:
    """Pairs (place left, place right, share of the look's bits that differ) that are near copies.

    Args:
        left: bits of each clip's look, and of its change; None = no print; None for all changes: still images.
        right: likewise; where one side are still images, the looks decide alone.
    """
    look = _signed(left[0]), _signed(right[0])
    still = left[1] is None or right[1] is None
    limit = STILL if still else LOOK
    change = None if left[1] is None or right[1] is None else (_signed(left[1]), _signed(right[1]))
    if look[0].shape[1] != look[1].shape[1] or (change and change[0].shape[1] != change[1].shape[1]):
        return  # one side has no print at all
    for start in range(0, len(look[0]), BLOCK):
        rows = slice(start, start + BLOCK)
        far = _distance(look[0][rows], look[1])
        near = far <= limit
        if change is not None:
            near &= _distance(change[0][rows], change[1]) <= CHANGE
        for row, column in np.argwhere(near):
            yield int(start + row), int(column), float(far[row, column])


def _signed(prints: Sequence[Print]) -> np.ndarray:
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
