"""Turn activations into motion: call `displacement` for a field, `region` for the skin that given units move.

Contract: a field is a (2, ...) array in face units, for any set of points in face coordinates. It is linear in the
intensities, so it can be multiplied by a time course.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from mer.data.facs.geometry import AVERAGE, Array, FaceShape
from mer.data.facs.units import ACTION_UNITS, Activation


def displacement(activations: Iterable[Activation], grid: Array, shape: FaceShape = AVERAGE) -> Array:
    """Return the displacement of the skin at the points `grid` (2, ...) of a face: (2, ...), face units, x then y."""
    rows = bumps(activations, shape)
    field = np.zeros_like(grid, dtype=np.float64)
    for x, y, dx, dy, sx, sy in rows:
        weight = np.exp(-0.5 * (((grid[0] - x) / sx) ** 2 + ((grid[1] - y) / sy) ** 2))
        field[0] += dx * weight
        field[1] += dy * weight
    return field


def bumps(
    activations: Iterable[Activation], shape: FaceShape, *, rng: np.random.Generator | None = None, anatomy: float = 0.0
) -> list[tuple[float, ...]]:
    """Return centre, displacement and extent (x, y, dx, dy, sx, sy) of every active bump on both sides, in face units.

    With a generator, the anatomy varies by `anatomy` (0..1), since the numbers of `ACTION_UNITS` are our estimates and
    muscles differ between faces. Each unit varies in place, direction (a third of a radian), amount and extent (a
    third). Its bumps vary less. Both sides vary together.
    """
    anchors = shape.anchors()
    rows: list[tuple[float, ...]] = []
    for activation in activations:
        common = rng.standard_normal(7) if rng is not None else np.zeros(7)
        for bump in ACTION_UNITS[activation.code].bumps:
            own = rng.standard_normal(7) if rng is not None else np.zeros(7)
            g = anatomy * (common + 0.7 * own)
            x, y = anchors[bump.anchor]
            sx, sy = np.array([bump.sx, bump.sy]) * shape.spread * np.exp(0.22 * g[0] + 0.12 * g[1:3])
            turn, more = 0.3 * g[5], np.exp(0.3 * g[6])
            dx = more * (bump.dx * np.cos(turn) - bump.dy * np.sin(turn))
            dy = more * (bump.dy * np.cos(turn) + bump.dx * np.sin(turn))
            y += 0.05 * g[4]
            if x == 0:
                # both sides hold the skin on the midline, so one side alone moves it half as far
                sides = [(0.0, (activation.left + activation.right) / 2, 0.0)]
            else:
                x += 0.05 * g[3]
                sides = [(x, activation.left, dx), (-x, activation.right, dx if bump.parallel else -dx)]
            for centre, intensity, along in sides:
                if intensity:
                    rows.append((centre, y, intensity * along, intensity * dy, float(sx), float(sy)))
    return rows


def moving_mask(field: Array, share: float = 0.3) -> npt.NDArray[np.bool_]:
    """Return where a field (2, H, W) exceeds `share` of its longest vector: bool (H, W), all false without motion."""
    length = np.hypot(field[0], field[1])
    top = float(length.max())
    return length > share * top if top > 0 else np.zeros(length.shape, dtype=bool)


def region(codes: Iterable[int], grid: Array, shape: FaceShape = AVERAGE) -> npt.NDArray[np.bool_]:
    """Return the points of `grid` (2, H, W) that these action units, acting on both sides, move: bool (H, W)."""
    inside = np.zeros(grid.shape[1:], dtype=bool)
    for code in codes:
        inside |= moving_mask(displacement([Activation(code, 1.0, 1.0)], grid, shape))
    return inside
