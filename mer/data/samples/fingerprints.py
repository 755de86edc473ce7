"""Find copies of clips: call `clip_prints` for each clip, then `near_copies` or `near_duplicate_pairs`.

A print is a difference hash. The look of a clip is the print of its apex, its change the print of apex minus onset. All
clips of a person look alike, so the look alone does not identify a copy. Two expressions never move alike everywhere,
so look and change together do. Contract: pure functions. A flat picture has no print (None). Clips are compared as they
are, mirrored, and moved or scaled a little (`VIEWS`). `LIMITATIONS` lists the copies that are missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

#: Side of the grid of signs; 256 bits a picture.
GRID = 16
#: Standard deviation in grey levels below which a picture has no print, because its signs are noise.
FLAT = 0.75
#: Share of bits that may differ. Measured on 60 drawn clips of 4 people at two difficulties: copies at JPEG quality 80
#: or half the side differ in at most .03 of the look and .21 of the change (quality 60: .24); two clips of one person
#: (1,542 pairs) in at least .03 and .26.
LOOK, CHANGE = 0.08, 0.22
#: Share of bits of the look that may differ between still images, which have no change.
STILL = 0.02
#: Limit of the difference between a still and its copy after their contrast is made equal: the largest root mean square
#: over blocks of `BLOCK_SIDE` pixels, as a share of the still's standard deviation. Drawn faces: copies (JPEG quality
#: 20, half the side) at most .61, two people at least 1.25, two people before one background 2.0.
SAME_STILL, BLOCK_SIDE = 1.0, 8
#: Move (to the right, down; shares of the side) and scale applied to one of two clips before they are compared. Without
#: them a move of 1.6% of the side puts two prints as far apart as those of two people.
VIEWS = (
    *((dx, dy, 1.0) for dx in (-0.02, 0.0, 0.02) for dy in (-0.02, 0.0, 0.02) if dx or dy),
    (0.0, 0.0, 1.03),
    (0.0, 0.0, 0.97),
)
#: Side of the picture to move, in pixels: a move of 2% is nearly 3 pixels.
FINE = 8 * (GRID + 1)
#: Copies that the prints miss. Copies found of 120 drawn clips (12 people, three profiles, 128 pixels): JPEG quality
#: 80 all, 50 107; half the side, mirrored, moved by 2 or 3 pixels, cropped by 2, turned by 1 degree all; cropped by 3
#: pixels 118; moved by 4 45; turned by 2 degrees 48; cropped by 5 none; onset one frame later 91, apex one earlier 89,
#: both 29; played backwards none. No false alarm among the 2,340 pairs of these clips.
LIMITATIONS = (
    "Copies are not found, or not reliably, where they were cropped or moved by more than 2% of the side, turned by "
    "more than a degree, played backwards, mirrored as well as moved, or cut to other key frames; of stills, only "
    "copies that were stored anew or scaled are found (rates on drawn clips: mer/data/samples/fingerprints.py)."
)
#: Rows compared at a time; 1,024 rows against 36,000 take 150 MB.
BLOCK = 1024

Print = np.ndarray | None
#: Looks and changes of the same clips; None in place of the changes for still images.
Pairing = tuple[Sequence[Print], Sequence[Print] | None]


def small(pixels: np.ndarray) -> np.ndarray:
    """Return a picture (H, W) or (H, W, 3) in grey at (GRID + 1, GRID + 1), float32, by area means."""
    return _grey(pixels, GRID + 1)


def _grey(pixels: np.ndarray, side: int) -> np.ndarray:
    grey = pixels.astype(np.float32)
    grey = grey if grey.ndim == 2 else grey.mean(axis=2)
    return cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)


def difference_hash(picture: np.ndarray) -> Print:
    """Return the difference hash (Krawetz 2013) of a picture from `small`: bool (2, GRID * GRID), None if it is flat.

    A bit is set if the right (row 0) or the lower (row 1) neighbour of a value is greater. The picture may also be the
    difference of two pictures.
    """
    if float(picture.std()) < FLAT:
        return None
    right = picture[:-1, 1:] > picture[:-1, :-1]
    below = picture[1:, :-1] > picture[:-1, :-1]
    return np.stack([right.ravel(), below.ravel()])


def clip_prints(onset: np.ndarray | None, apex: np.ndarray | None) -> list[tuple[Print, Print]]:
    """Return (look, change) of a clip with key frames (H, W) or (H, W, 3): unmoved, then per `VIEWS` if it has both."""
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
    """Return whether two pictures (H, W) or (H, W, 3) are equal except for contrast, scale and compression.

    If faces are small, prints of two people before one background are alike, but these pictures are not equal.
    """
    a, b = _grey(one, FINE), _grey(other, FINE)
    if a.std() < FLAT or b.std() < FLAT:
        return False
    gain = ((a - a.mean()) * (b - b.mean())).mean() / b.var()
    rest = a - a.mean() - gain * (b - b.mean())
    blocks = rest.reshape(FINE // BLOCK_SIDE, BLOCK_SIDE, FINE // BLOCK_SIDE, BLOCK_SIDE)
    return bool(np.sqrt((blocks**2).mean(axis=(1, 3))).max() <= SAME_STILL * a.std())


def _moved(fine: np.ndarray, view: tuple[float, float, float]) -> np.ndarray:
    """Return `small` of a picture (FINE, FINE), moved and scaled about its middle; edge pixels are repeated."""
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
    """Return near copies (index left, index right, share of differing bits of the look), each pair once, sorted.

    Clips on the right are also compared mirrored. Still images are not, because a face is nearly symmetric.

    Args:
        left: prints of the clips' looks and changes. A print may be None; None in place of the changes marks stills.
        right: likewise. If either side holds stills, only the looks are compared.
        views: the left side moved and scaled, in the form of `left`, one per view.
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
    """Return pairs of rows that are near copies, with the right side unchanged or mirrored."""
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
    """Return prints as +1 and -1, (N, bits) float32. A missing print is 0, at distance one half from all others."""
    bits = next((item.size for item in prints if item is not None), 1)
    rows = np.zeros((len(prints), bits), dtype=np.float32)
    for row, item in zip(rows, prints, strict=True):
        if item is not None:
            row[:] = np.where(item.ravel(), 1, -1)
    return rows


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the share of bits that differ, (len(a), len(b))."""
    return (1 - a @ b.T / a.shape[1]) / 2


def _mirrored(rows: np.ndarray) -> np.ndarray:
    """Return prints (N, bits) from `_signed` as of mirrored pictures; 0 for bits that need a column outside."""
    if rows.shape[1] != 2 * GRID * GRID:
        return rows  # no print at all
    signed = rows.reshape(-1, 2, GRID, GRID)
    found = np.zeros_like(signed)
    found[:, 0] = -signed[:, 0, :, ::-1]  # mirroring swaps the two neighbours, so the sign changes
    found[:, 1, :, 1:] = signed[:, 1, :, :0:-1]
    return found.reshape(len(rows), -1)


def _distance_mirrored(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return `_distance` without the one column of bits that `_mirrored` sets to 0."""
    return (1 - a @ b.T / (a.shape[1] - GRID)) / 2
