"""Draw motion maps like smooth onset-apex flow of an aligned face, without rendering: call `motion_map`.

Contract: `motion_map` is a function of its arguments and the generator. Channels are u, v (pixels of the map, +x right,
+y down) and their strain, as for flow measured on frames of that size. The disturbances are those of measured flow:
head motion, errors at several scales, different crops.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mer.data import facs
from mer.data.facs.geometry import Array
from mer.utils.optical_strain import strain

Map = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SmoothNoise:
    """Disturbances of a drawn map; values are standard deviations if not stated otherwise, 0 = off."""

    #: Differences between faces, a factor on `facs.random_shape`.
    variety: float = 1.0
    #: Place of the crop and relative change of its width and height, face units.
    crop: float = 0.06
    #: Shift of the head, face units; as large as a faint expression.
    shift: float = 0.012
    #: Turn, stretch and shear of the head's affine field, face units per face unit. Small, since faces are registered
    #: before flow is measured; with twice the value, drawn maps are less symmetric than measured ones.
    affine: float = 0.002
    #: Errors of flow, face units, split at random between the wavelengths below; clips differ by a factor of two.
    noise: float = 0.002
    #: Wavelengths of these errors: shading and drift of light; cheeks without texture; lids and hairs.
    wavelengths: tuple[float, ...] = (1.2, 0.4, 0.15)
    #: Loss and exaggeration of motion on skin with little texture: deviation of the logarithm of a smooth factor.
    fading: float = 0.3
    #: Expected number of places with wrong flow: hairs, glints, glasses, motion behind the head.
    patches: float = 2.0


#: Usual crop of aligned micro-expression frames: from above the brows to the chin, temple to temple, made square.
CROP = facs.View(0.0, 0.57, 1.9, 2.4)


def motion_map(
    activations: Iterable[facs.Activation],
    size: int,
    rng: np.random.Generator,
    *,
    view: facs.View = CROP,
    disturbance: SmoothNoise | None = None,
) -> Map:
    """Draw u, v (pixels) and strain of a face that shows `activations`: (3, size, size) float32."""
    how = disturbance or SmoothNoise()
    shape = facs.random_shape(rng, how.variety)
    dx, dy, wider, higher = how.crop * rng.standard_normal(4)
    view = facs.View(view.x + dx, view.y + dy, view.width * (1 + wider), view.height * (1 + higher))
    grid = view.grid(size)
    field = facs.displacement(activations, grid, shape)
    field *= np.exp(how.fading * _smooth(1, 0.5, view, size, rng))
    field += _head(grid, rng, how) + _errors(view, size, rng, how) + _patches(grid, view, rng, how)
    flow = field * np.array([size / view.width, size / view.height])[:, None, None]
    return np.concatenate([flow, strain(flow)[None]]).astype(np.float32)


def _head(grid: Array, rng: np.random.Generator, how: SmoothNoise) -> Array:
    """Return the field of a head that shifts, turns, comes closer or nods: affine about the middle of the face."""
    offset = how.shift * rng.standard_normal(2)
    (a, b), (c, d) = how.affine * rng.standard_normal((2, 2))
    x, y = grid[0], grid[1] - 0.5
    return np.stack([offset[0] + a * x + b * y, offset[1] + c * x + d * y])


def _smooth(count: int, wavelength: float, view: facs.View, size: int, rng: np.random.Generator) -> Array:
    """Return smooth random fields of deviation near 1, (count, size, size): noise on a lattice, interpolated."""
    cells = max(2, round(2 * view.height / wavelength))
    lattice = rng.standard_normal((count, cells, cells))
    return np.stack([cv2.resize(part, (size, size), interpolation=cv2.INTER_CUBIC) for part in lattice])


def _errors(view: facs.View, size: int, rng: np.random.Generator, how: SmoothNoise) -> Array:
    """Return errors of flow over the whole map, (2, size, size): smooth fields of several wavelengths."""
    level = how.noise * np.exp(0.7 * rng.standard_normal())
    shares = rng.dirichlet(np.ones(len(how.wavelengths)))
    parts = [np.sqrt(s) * _smooth(2, w, view, size, rng) for w, s in zip(how.wavelengths, shares, strict=True)]
    return level * np.sum(parts, axis=0)


def _patches(grid: Array, view: facs.View, rng: np.random.Generator, how: SmoothNoise) -> Array:
    """Return errors of flow in single places, (2, size, size): flat spots with steep edges, as large as expressions."""
    total = np.zeros_like(grid)
    for _ in range(rng.poisson(how.patches)):
        x, y = view.x + rng.uniform(-0.5, 0.5) * view.width, view.y + rng.uniform(-0.5, 0.5) * view.height
        wide, high = rng.uniform(0.06, 0.22, 2)
        dx, dy = 0.015 * np.exp(0.7 * rng.standard_normal()) * rng.standard_normal(2)
        cover = np.exp(-0.5 * (((grid[0] - x) / wide) ** 2 + ((grid[1] - y) / high) ** 2) ** 2)
        total += np.array([dx, dy])[:, None, None] * cover
    return total
