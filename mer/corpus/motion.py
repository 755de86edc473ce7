"""Motion maps drawn from action units without rendering: what onset-apex flow of an aligned face looks like.

Contract: `motion_map` is a function of its arguments and the generator; channels are u, v (pixels of the map, +x right,
+y down) and the strain computed from them, as from flow measured on frames of that size. Disturbances are those of
measured flow: a head that moves, errors at several scales, crops that differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mer.corpus import facs
from mer.corpus.facs.geometry import Array

Map = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Disturbance:
    """How far a drawn map departs from the bare field of an average face. Deviations unless said otherwise; 0 = off."""

    #: Differences between faces, as a factor on `facs.random_shape`.
    variety: float = 1.0
    #: Place of the crop and relative change of its width and height, face units.
    crop: float = 0.06
    #: Shift of the head, face units: as large as a faint expression.
    shift: float = 0.012
    #: Turn, stretch and shear of the head's affine field, face units per face unit.
    affine: float = 0.006
    #: Errors of flow, face units, split at random between the wavelengths below.
    noise: float = 0.005
    #: Wavelengths of these errors: shading and drift of light; cheeks without texture; lids and hairs.
    wavelengths: tuple[float, ...] = (1.2, 0.4, 0.15)


#: The usual crop of aligned micro-expression frames: above the brows to the chin, temple to temple, made square.
CROP = facs.View(0.0, 0.57, 1.9, 2.4)


def motion_map(
    activations: Iterable[facs.Activation],
    size: int,
    rng: np.random.Generator,
    *,
    view: facs.View = CROP,
    disturbance: Disturbance | None = None,
) -> Map:
    """Map of u, v and strain of a face that shows `activations`: (3, size, size) float32, pixels and 1."""
    how = disturbance or Disturbance()
    shape = facs.random_shape(rng, how.variety)
    dx, dy, wider, higher = how.crop * rng.standard_normal(4)
    view = facs.View(view.x + dx, view.y + dy, view.width * (1 + wider), view.height * (1 + higher))
    grid = view.grid(size)
    field = facs.displacement(activations, grid, shape)
    field += _head(grid, rng, how) + _errors(view, size, rng, how)
    flow = field * np.array([size / view.width, size / view.height])[:, None, None]
    return np.concatenate([flow, strain(flow)[None]]).astype(np.float32)


def strain(flow: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Optical strain of a flow (2, H, W): Frobenius norm of its symmetric gradient, (H, W), per pixel."""
    du_dy, du_dx = np.gradient(flow[0])
    dv_dy, dv_dx = np.gradient(flow[1])
    return np.sqrt(du_dx**2 + dv_dy**2 + 0.5 * (du_dy + dv_dx) ** 2)


def _head(grid: Array, rng: np.random.Generator, how: Disturbance) -> Array:
    """Field of a head that shifts, turns, comes closer or nods (foreshortens): affine about the middle of the face."""
    offset = how.shift * rng.standard_normal(2)
    (a, b), (c, d) = how.affine * rng.standard_normal((2, 2))
    x, y = grid[0], grid[1] - 0.5
    return np.stack([offset[0] + a * x + b * y, offset[1] + c * x + d * y])


def _errors(view: facs.View, size: int, rng: np.random.Generator, how: Disturbance) -> Array:
    """Smooth random field (2, size, size): noise on coarse lattices, interpolated, one lattice a wavelength."""
    total = np.zeros((2, size, size))
    shares = rng.dirichlet(np.ones(len(how.wavelengths)))
    for wavelength, share in zip(how.wavelengths, shares, strict=True):
        cells = max(2, round(2 * view.height / wavelength))
        lattice = rng.standard_normal((2, cells, cells))
        smooth = np.stack([cv2.resize(part, (size, size), interpolation=cv2.INTER_CUBIC) for part in lattice])
        total += how.noise * np.sqrt(share) * smooth
    return total
