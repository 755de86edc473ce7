"""Define where on a face motion is measured: cells, the patches of each region, the mask of the eyes.

Contract: constants in face coordinates (`mer.data.facs.geometry`). The view is the part of the face that drawn motion
maps show, so what is measured lies where it is drawn.
"""

from __future__ import annotations

import numpy as np

from mer.data.facs.geometry import AVERAGE, Array, View

#: Part of the face that is cut out of each frame, side of the crop in pixels, and cells a side that its flow is
#: averaged in: 0.1 face units, less than the extent of any action unit.
VIEW, CROP, CELLS = View(0.0, 0.55, 2.4, 2.4), 96, 24
#: Landmarks around which motion is averaged, by region; both sides where they lie off the midline.
PLACES = {
    "brows": ("brow_inner", "brow_outer"),
    "mouth": ("mouth_corner", "upper_lip_middle", "lower_lip_middle", "chin"),
    "cheeks": ("cheek", "cheek_low"),
    "nose": ("nose_wing",),
}
#: Standard deviation of a patch, face units. Drawn videos (6 of 30 s): F1 .80 at .13, .74 at .11, .72 at .16.
SPREAD = 0.13
#: Half axes of the ellipse around a pupil that is left out: lids, lashes and glances.
EYE = (0.36, 0.20)
#: Standard deviation of the patch in which the brightness of a pupil is measured.
PUPIL = 0.08

_GRID = VIEW.grid(CELLS)


def _ellipse(x: float, y: float, wide: float, high: float) -> Array:
    """Return the squared distance (CELLS, CELLS) from a place, 1 on the ellipse."""
    return ((_GRID[0] - x) / wide) ** 2 + ((_GRID[1] - y) / high) ** 2


def _patches() -> tuple[Array, tuple[str, ...]]:
    anchors, skin = AVERAGE.anchors(), _ellipse(-0.5, 0, *EYE) >= 1
    skin &= _ellipse(0.5, 0, *EYE) >= 1
    weights, regions = [], []
    for region, places in PLACES.items():
        for place in places:
            x, y = anchors[place]
            for side in (1, -1) if x else (1,):
                weight = np.exp(-0.5 * _ellipse(side * x, y, SPREAD, SPREAD)) * skin
                weights.append(weight.ravel() / weight.sum())
                regions.append(region)
    return np.array(weights), tuple(regions)


#: Weights (P, CELLS * CELLS) of the cells in each of P patches, and the region of each patch.
PATCHES, PATCH_REGIONS = _patches()


def _steady() -> np.ndarray:
    x, y = _GRID
    brows = (y < -0.18) & (np.abs(x) > 0.12)
    eyes = (_ellipse(-0.5, 0, *EYE) < 1) | (_ellipse(0.5, 0, *EYE) < 1)
    return ((_ellipse(0, 0.35, 0.9, 1.05) < 1) & (y < 0.6) & ~brows & ~eyes).ravel()


#: Cells (CELLS * CELLS,) bool to which the motion of the head is fitted: nose, upper cheeks, temples, the place between
#: the brows. With the brows too, a posed raise of both (webcam) shrank by a quarter to a half, for it passed for a nod;
#: with the lower cheeks, half of a smile appeared at the brows (drawn: .018 of .034 face units, .007 of .038 without).
STEADY = _steady()


def pupil_weights() -> Array:
    """Return the weights (2, CROP, CROP) of the pixels of a crop around both pupils; each sums to 1."""
    x, y = VIEW.grid(CROP)
    weights = np.array([np.exp(-0.5 * ((x - side * 0.5) ** 2 + y**2) / PUPIL**2) for side in (1, -1)])
    return np.asarray(weights / weights.sum(axis=(1, 2), keepdims=True))
