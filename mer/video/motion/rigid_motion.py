"""Fit the motion of the head to the flow of its steady parts: shift, size, roll, and the turns that show its relief.

Contract: a head is a rigid body far from the camera, so a small motion moves a place (x, y) with depth z by
(tx + s x - r y + a z, ty + s y + r x + b z); a is the sine of the turn to the image's right (yaw), b of the nod
downwards (pitch). An affine fit has as many numbers but explains raised brows away: they vanished in a posed video.
"""

from __future__ import annotations

import numpy as np

from mer.data.facs.geometry import Array
from mer.video.motion.face_regions import CELLS, PATCHES, STEADY, VIEW

#: Numbers of a motion, in this order; lengths in face units, angles in radians.
PARTS = ("x", "y", "size", "roll", "yaw", "pitch")
#: Steps of the reweighted fit by Cauchy's function with its usual constant (Holland and Welsch 1977).
STEPS, CAUCHY = 6, 2.385


def relief(x: Array, y: Array) -> Array:
    """Return the depth of an average face towards the camera, face units: a ball with a nose. Our own estimate."""
    ball = 0.85 * np.sqrt(np.clip(1.02 - np.minimum((x / 1.05) ** 2 + ((y - 0.15) / 1.5) ** 2, 1), 0.02, None))
    down = np.clip((y + 0.05) / 0.63, 0, 1)
    nose = (0.05 + 0.25 * down) * np.exp(-0.5 * (x / (0.09 + 0.07 * down)) ** 2) * ((y > -0.12) & (y < 0.72))
    return np.asarray(ball + nose)


def _design() -> Array:
    """Return the motion (CELLS * CELLS, 2, 6) of each cell by each of `PARTS`."""
    x, y = (part.ravel() for part in VIEW.grid(CELLS))
    none, one, z = np.zeros_like(x), np.ones_like(x), relief(x, y) - 0.7
    pairs = [(one, none), (none, one), (x, y), (-y, x), (z, none), (none, z)]
    return np.stack([np.stack(pair, axis=1) for pair in pairs], axis=2)


_CELLS = _design()
_FITTED = _CELLS[STEADY]
_SQUARES = np.einsum("cki,ckj->cij", _FITTED, _FITTED).reshape(-1, 36)
#: Motion (P, 2, 6) of each patch by each of `PARTS`.
PATCH_MOTION: Array = np.einsum("pc,cki->pki", PATCHES, _CELLS)


def head_motion(flow: Array) -> Array:
    """Return the numbers (6,) of the head's motion in a flow (CELLS * CELLS, 2), face units, by a robust fit."""
    moved = flow[STEADY]
    weights = np.ones(len(moved))
    for _ in range(STEPS):
        # sums instead of BLAS, which would start threads on all cores
        square = (weights[:, None] * _SQUARES).sum(axis=0).reshape(6, 6)
        known = np.einsum("c,cki,ck->i", weights, _FITTED, moved)
        motion = np.linalg.solve(square + 1e-9 * np.eye(6), known)
        rest = moved - np.einsum("cki,i->ck", _FITTED, motion)
        length = np.hypot(rest[:, 0], rest[:, 1])
        deviation = max(1.4826 * float(np.median(length)), 1e-5)
        weights = 1 / (1 + (length / (CAUCHY * deviation)) ** 2)
    return np.asarray(motion)
