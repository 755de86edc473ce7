"""Prints of clips, by which copies are known: signs of what a key frame shows and of how it changes.

Contract: pure functions. The look alone cannot tell copies, since all clips of a person look alike; the change between
two key frames can, since two expressions never move alike in every spot. A print of a flat picture is None. Clips are
compared as they are, mirrored, and moved or scaled a little (`VIEWS`); `LIMITATIONS` says what is not found.
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
#: Largest root mean square, over blocks of `BLOCK_SIDE` pixels, of what differs between a still and its copy after
#: contrast is made equal, as a share of the still's deviation. Drawn faces: copies (JPEG quality 20, half the side) at
#: most .61, two people at least 1.25, two people before one background 2.0.
SAME_STILL, BLOCK_SIDE = 1.0, 8
#: How one of two clips is moved (to the right, down; shares of the side) and scaled before it is compared: prints of
#: pictures that are moved by 1.6% of the side are as far apart as those of two people.
VIEWS = (
    *((dx, dy, 1.0) for dx in (-0.02, 0.0, 0.02) for dy in (-0.02, 0.0, 0.02) if dx or dy),
    (0.0, 0.0, 1.03),
    (0.0, 0.0, 0.97),
)
#: Side of the picture that is moved: a move of 2% is nearly 3 of its pixels.
FINE = 8 * (GRID + 1)
#: What the prints do not find, in words. Found of 120 drawn clips (12 people, three profiles, 128 pixels): JPEG quality
#: 80 all, 50 107; half the side, mirrored, moved by 2 or 3 pixels, cropped by 2, turned by 1 degree all; cropped by 3
#: pixels 118; moved by 4 45; turned by 2 degrees 48; cropped by 5 none; onset one frame later 91, apex one earlier 89,
#: both 29; played backwards none. No false alarm among the 2,340 pairs of these clips.
LIMITATIONS = (
    "Copies are not found, or not reliably, where they were cropped or moved by more than 2% of the side, turned by "
    "more than a degree, played backwards, mirrored as well as moved, or cut to other key frames; of stills, only "
    "copies that were stored anew or scaled are found (rates on drawn clips: mer/data/samples/fingerprints.py)."
)
#: Rows compared at a time: 1,024 by all of 36,000 is 150 MB.
BLOCK = 1024

Print = np.ndarray | None
#: Looks and changes of clips, in one order; None for all changes: still images.
Pairing = tuple[Sequence[Print], Sequence[Print] | None]


def small(pixels: np.ndarray) -> np.ndarray:
    """Grey (GRID + 1, GRID + 1) float32 of (H, W) or (H, W, 3), area means."""
    return _grey(pixels, GRID + 1)


def _grey(pixels: np.ndarray, side: int) -> np.ndarray:
    grey = pixels.astype(np.float32)
    grey = grey if grey.ndim == 2 else grey.mean(axis=2)
    return cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)


def difference_hash(picture: np.ndarray) -> Print:
    """Whether a value of `small` exceeds its right and its lower neighbour: bool (2, GRID * GRID), None where flat.

    The difference hash (Krawetz 2013), in both directions; of a difference of two pictures as of one.
    """
    if float(picture.std()) < FLAT:
        return None
    right = picture[:-1, 1:] > picture[:-1, :-1]
    below = picture[1:, :-1] > picture[:-1, :-1]
    return np.stack([right.ravel(), below.ravel()])


def clip_prints(onset: np.ndarray | None, apex: np.ndarray | None) -> list[tuple[Print, Print]]:
    """Look and change of a clip with these key frames (H, W) or (H, W, 3): as it is, then by `VIEWS` if it has both."""
    if apex is None:
        return [(None, None)]
    pictures = [(small(apex), None if onset is None else small(onset))]
    if onset is not None:
        fine = [_grey(frame, FINE) for frame in (apex, onset)]
        pictures += [(_moved(fine[0], view), _moved(fine[1], view)) for view in VIEWS]
    return [
        (difference_hash(last), None if first is None else difference_hash(last - first)) for last, first in pictures
    ]


def is_same_still(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two pictures (H, W) or (H, W, 3) agree everywhere, but for contrast, scale and compression.

    Prints of two people before a common background are alike where their faces are small; their faces are not.
    """
    a, b = _grey(one, FINE), _grey(other, FINE)
    if a.std() < FLAT or b.std() < FLAT:
        return False
    gain = ((a - a.mean()) * (b - b.mean())).mean() / b.var()
    rest = a - a.mean() - gain * (b - b.mean())
    blocks = rest.reshape(FINE // BLOCK_SIDE, BLOCK_SIDE, FINE // BLOCK_SIDE, BLOCK_SIDE)
    return bool(np.sqrt((blocks**2).mean(axis=(1, 3))).max() <= SAME_STILL * a.std())


def _moved(fine: np.ndarray, view: tuple[float, float, float]) -> np.ndarray:
    """`small` of a picture (FINE, FINE) that was moved and scaled about its middle, its edge repeated."""
    right, down, scale = view
    rest = (1 - scale) * FINE / 2
    matrix = np.array([[scale, 0, right * FINE + rest], [0, scale, down * FINE + rest]], dtype=np.float32)
    moved = cv2.warpAffine(fine, matrix, (FINE, FINE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(moved, (GRID + 1, GRID + 1), interpolation=cv2.INTER_AREA)


def near_copies(
    looks: Sequence[Print], changes: Sequence[Print] | None, *, views: Sequence[Pairing] = ()
) -> Iterator[tuple[int, int, float]]:
    """Return near copies (a, b, share of differing bits) with a < b; arguments as `near_duplicate_pairs`."""
    both = (looks, changes)
    return ((a, b, distance) for a, b, distance in near_duplicate_pairs(both, both, views=views) if a < b)


def near_duplicate_pairs(
    left: Pairing, right: Pairing, *, views: Sequence[Pairing] = ()
) -> Iterator[tuple[int, int, float]]:
    """Pairs (place left, place right, share of the look's bits that differ) that are near copies, each once, in order.

    The right side is also taken mirrored, where changes tell clips apart: stills of a face are nearly symmetric.

    Args:
        left: bits of each clip's look, and of its change; None = no print; None for all changes: still images.
        right: likewise; where one side are still images, the looks decide alone.
        views: the left side again, moved and scaled: as `left`, one a view.
    """
    found: dict[tuple[int, int], float] = {}
    for one in (left, *views):
        for a, b, distance in _near(one, right, mirrored=False):
            found[a, b] = min(distance, found.get((a, b), 1.0))
    if left[1] is not None and right[1] is not None:
        for a, b, distance in _near(left, right, mirrored=True):
            found.setdefault((a, b), distance)
    return ((a, b, distance) for (a, b), distance in sorted(found.items()))


def _near(left: Pairing, right: Pairing, *, mirrored: bool) -> Iterator[tuple[int, int, float]]:
    """Pairs of rows that are near copies, as they are or with the right side mirrored."""
    look = _signed(left[0]), _signed(right[0])
    still = left[1] is None or right[1] is None
    limit = STILL if still else LOOK
    change = None if left[1] is None or right[1] is None else (_signed(left[1]), _signed(right[1]))
    if look[0].shape[1] != look[1].shape[1] or (change and change[0].shape[1] != change[1].shape[1]):
        return  # one side has no print at all
    distance = _distance
    if mirrored:
        look = look[0], _mirrored(look[1])
        change = None if change is None else (change[0], _mirrored(change[1]))
        distance = _distance_mirrored
    for start in range(0, len(look[0]), BLOCK):
        rows = slice(start, start + BLOCK)
        far = distance(look[0][rows], look[1])
        near = far <= limit
        if change is not None:
            near &= distance(change[0][rows], change[1]) <= CHANGE
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


def _mirrored(rows: np.ndarray) -> np.ndarray:
    """Prints (N, bits) of `_signed`, of the mirrored pictures; 0 for bits that need the column outside the print."""
    if rows.shape[1] != 2 * GRID * GRID:
        return rows  # no print at all
    signed = rows.reshape(-1, 2, GRID, GRID)
    found = np.zeros_like(signed)
    found[:, 0] = -signed[:, 0, :, ::-1]  # what exceeded its right neighbour is exceeded by its left one
    found[:, 1, :, 1:] = signed[:, 1, :, :0:-1]
    return found.reshape(len(rows), -1)


def _distance_mirrored(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`_distance` where b lacks one column of the lower half, whose bits do not count."""
    return (1 - a @ b.T / (a.shape[1] - GRID)) / 2
