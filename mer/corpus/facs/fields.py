"""From activations to displacement fields, moving regions and the regions of single units.

Contract: fields are (2, ...) arrays in face units on any set of points in face coordinates; linear in the intensities,
so that a time course multiplies them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from mer.corpus.facs.geometry import AVERAGE, Array, FaceShape
from mer.corpus.facs.units import ACTION_UNITS, Activation


def displacement(activations: Iterable[Activation], grid: Array, shape: FaceShape = AVERAGE) -> Array:
    """Displacement of the skin at the points `grid` (2, ...) of a face: (2, ...), face units, x then y."""
    bumps = _bumps(activations, shape)
    field = np.zeros_like(grid, dtype=np.float64)
    for x, y, dx, dy, sx, sy in bumps:
        weight = np.exp(-0.5 * (((grid[0] - x) / sx) ** 2 + ((grid[1] - y) / sy) ** 2))
        field[0] += dx * weight
        field[1] += dy * weight
    return field


def _bumps(activations: Iterable[Activation], shape: FaceShape) -> list[tuple[float, ...]]:
    """Centre, displacement and extent (x, y, dx, dy, sx, sy) of every bump that moves, both sides."""
    anchors = shape.anchors()
    rows: list[tuple[float, ...]] = []
    for activation in activations:
        for bump in ACTION_UNITS[activation.code].bumps:
            x, y = anchors[bump.anchor]
            sx, sy = bump.sx * shape.spread, bump.sy * shape.spread
            if x == 0:
                # skin on the midline is held by both sides: one alone moves it half as far
                sides = [(0.0, (activation.left + activation.right) / 2, 0.0)]
            else:
                mirrored = bump.dx if bump.parallel else -bump.dx
                sides = [(x, activation.left, bump.dx), (-x, activation.right, mirrored)]
            for centre, intensity, dx in sides:
                if intensity:
                    rows.append((centre, y, intensity * dx, intensity * bump.dy, sx, sy))
    return rows


def moving_mask(field: Array, share: float = 0.3) -> npt.NDArray[np.bool_]:
    """Where a field (2, H, W) is longer than `share` of its longest vector; nowhere if nothing moves."""
    length = np.hypot(field[0], field[1])
    top = float(length.max())
    return length > share * top if top > 0 else np.zeros(length.shape, dtype=bool)


def region(codes: Iterable[int], grid: Array, shape: FaceShape = AVERAGE) -> npt.NDArray[np.bool_]:
    """Points of `grid` (2, H, W) that belong to these action units: where each, on both sides, moves skin notably."""
    inside = np.zeros(grid.shape[1:], dtype=bool)
    for code in codes:
        inside |= moving_mask(displacement([Activation(code, 1.0, 1.0)], grid, shape))
    return inside
