"""Turn a time course into where the skin is over time: call `displacements`.

Contract: motion over `LAG` is summed over time, which gives the place of each patch averaged over `LAG`; errors that a
frame makes in both of its comparisons cancel. What follows the head linearly is taken out first, since the relief of
this face is not that of an average one. Samples are `RATE` a second whatever the video's rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mer.data.facs.geometry import Array
from mer.video.motion.rigid_motion import CAUCHY, PARTS
from mer.video.motion.time_course import LAG, TimeCourse

#: Samples a second: a micro-expression of a tenth of a second has six.
RATE = 60.0
#: Shortest stretch without a gap that is looked at, seconds.
SHORTEST = 0.2
#: Head motion over `LAG` (face units or radians) in so many frames weighs as much as no relation at all.
PRIOR = 300 * 0.004**2
#: Steps of the robust fit, and the deviation below which motion is noise, face units.
STEPS, QUIET = 5, 5e-4


@dataclass(frozen=True)
class Displacement:
    """Where the skin is in one stretch without gaps, T samples `1 / RATE` seconds apart.

    Attributes:
        times: seconds from the first frame; those of the video, not of the average.
        skin: place of each patch (T, P, 2), face units; only changes have a meaning.
        head: yaw and pitch (T, 2), radians; only changes have a meaning.
        lids: how far the lids are closed (T,).
    """

    times: Array
    skin: Array
    head: Array
    lids: Array


def displacements(course: TimeCourse) -> list[Displacement]:
    """Return the stretches of a time course of at least `SHORTEST` seconds in which each frame could be compared."""
    known = np.isfinite(course.motion[:, 0, 0])
    motion, closure = without_head(course), course.closure
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(int), [0]])))
    found = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        times = course.times[first:end]
        if times[-1] - times[0] < SHORTEST:
            continue
        at = np.arange(times[0], times[-1] + 1e-9, 1 / RATE)
        skin = _resampled(motion[first:end], times, at)
        turns = course.head[first:end][:, [PARTS.index("yaw"), PARTS.index("pitch")]]
        scale = 1 / (RATE * LAG)
        found.append(
            Displacement(
                at - LAG / 2,
                skin.cumsum(axis=0) * scale,
                _resampled(turns, times, at).cumsum(axis=0) * scale,
                # lids are seen in the frame itself, skin between it and the one before
                np.interp(at - LAG / 2, course.times, closure),
            )
        )
    return found


def without_head(course: TimeCourse) -> Array:
    """Return the motion (T, P, 2) minus what of it follows the head linearly, by a robust fit to the whole course."""
    known = np.isfinite(course.motion[:, 0, 0])
    motion = course.motion.copy()
    if not known.any():
        return motion
    head, own = course.head[known], course.motion[known].reshape(int(known.sum()), -1)
    weights = np.ones_like(own)
    for _ in range(STEPS):
        square = np.einsum("ti,tj,ty->yij", head, head, weights, optimize=True) + PRIOR * np.eye(len(PARTS))
        known_part = np.einsum("ti,ty->yi", head, weights * own, optimize=True)
        follows = np.linalg.solve(square, known_part[..., None])[..., 0].T
        rest = own - head @ follows
        deviation = np.maximum(1.4826 * np.median(np.abs(rest), axis=0), QUIET)
        weights = 1 / (1 + (rest / (CAUCHY * deviation)) ** 2)
    motion[known] -= (head @ follows).reshape(-1, *motion.shape[1:])
    return motion


def _resampled(values: Array, times: Array, at: Array) -> Array:
    """Return values (T, ...) at other times, between neighbours on a line."""
    columns = values.reshape(len(times), -1).T
    return np.stack([np.interp(at, times, column) for column in columns], axis=1).reshape(len(at), *values.shape[1:])
