"""Find the apex frame of a clip with a spotter, selected by `input.apex`."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from mer.inputs.flow.dense_flow import dis
from mer.inputs.flow.head_motion import central_mask, motion_of, remove_head_motion, similarity
from mer.inputs.frames.image_files import resize
from mer.utils.registry import Registry

#: Side of the frames in which flow is measured, and of the grid on which change over time is judged.
SIDE, GRID = 128, 28
#: Eyes in a cropped face: centres and half axes as shares of the sides. They are left out, since blinks and glances
#: move more than expressions do. Drawn clips: error 3.4 frames with the eyes, 2.4 without.
EYES, EYE_AXES = ((0.3, 0.31), (0.7, 0.31)), (0.17, 0.11)
#: Standard deviation of the smoothing in time, frames.
SMOOTHING = 2.0
#: Least distance of the apex from both ends, frames.
MARGIN = 4
#: Delay of a motion's start as a share of the time from onset to apex: action units do not start together.
DELAYS = (0.0, 0.15, 0.3)
#: Powers of the explained share of a place's motion, and of the evidence in the median over frames. Chosen with the
#: values above on 80 drawn clips (seeds 501, 601): error 2.3 frames; 5.1 for the middle frame.
AGREEMENT, SHARPNESS = 16, 2

Spotter = Callable[[np.ndarray], int]


#: Spotter by `input.apex`; `annotated` keeps the apex of the table.
SPOTTERS: Registry[Spotter] = Registry("apex spotter")


@SPOTTERS.register("middle")
def middle_frame(frames: np.ndarray) -> int:
    """Return the middle frame, the usual substitute, since micro-expressions rise and fall in about the same time."""
    return (len(frames) - 1) // 2


@SPOTTERS.register("flow")
def flow_apex(frames: np.ndarray) -> int:
    """Return the apex by `course_peak` from motion and grey-level change since onset, both without head motion."""
    small, face = _small(frames), central_mask((SIDE, SIDE))
    kept, fields, levels = skin(), [], []
    for frame in small:
        still = remove_head_motion(small[0], frame, dis, rounds=1)
        still *= small[0][face].mean() / max(float(still[face].mean()), 1e-6)  # lamps flicker
        field = dis(small[0], still)
        own = field - motion_of(similarity(field, face), field.shape[1:])
        fields.append([resize(channel.astype(np.float32), GRID)[kept] for channel in own])
        levels.append(_soft(still)[kept])
    motion = np.array(fields).reshape(len(frames), -1)
    return course_peak(motion, np.stack(levels))


@SPOTTERS.register("difference")
def frame_difference(frames: np.ndarray) -> int:
    """Return the apex by `bisect_peak` of grey-level change from the line between onset and offset frame.

    Fast, but head motion counts as change. Sources: Yan et al., Quantifying micro-expressions with constraint local
    model and local binary pattern, ECCV workshops 2014, for change since onset; Liong et al., Automatic apex frame
    spotting in micro-expression database, ACPR 2015, for regions and the search.
    """
    levels = np.stack([_soft(frame)[skin()] for frame in _small(frames)])
    levels = gaussian_filter1d(levels, SMOOTHING, axis=0)
    line = np.linspace(0, 1, len(levels))[:, None]
    curve = np.abs(levels - (1 - line) * levels[0] - line * levels[-1]).mean(axis=1)
    return bisect_peak(curve - curve.min())


def course_peak(*kinds: np.ndarray) -> int:
    """Return the apex index of measurements over time, each (T, P) at P places: where a rise and fall fits best.

    For each frame as apex, a curve that rises from onset and falls to offset (half waves of a cosine) and a linear
    drift are fitted at every place. The evidence of a frame is the sum of the explained squares over places, each times
    the explained share to the power `AGREEMENT`, so that places with other motion (lids, swallowing) count little. The
    evidence of all kinds is multiplied, and the apex is the median frame weighted by it. Our own method.
    """
    evidence = np.prod([_evidence(values) for values in kinds], axis=0)
    if not evidence.max() > 0:
        return (len(evidence) - 1) // 2
    weights = np.cumsum((evidence / evidence.max()) ** SHARPNESS)
    return int(np.searchsorted(weights, weights[-1] / 2))


def _evidence(values: np.ndarray) -> np.ndarray:
    """Return for each frame the evidence (T,), at most 1, that it is the apex of measurements (T, P)."""
    count = len(values)
    margin = min(MARGIN, (count - 1) // 2)
    moved = _without_drift(gaussian_filter1d(values.astype(float), SMOOTHING, axis=0))
    total = (moved**2).sum(axis=0) + 1e-12
    evidence = np.zeros(count)
    for apex in range(margin, count - margin):
        found = np.zeros(values.shape[1])
        for delay in DELAYS:
            course = _without_drift(rise_and_fall(count, apex, delay)[:, None])
            # sums instead of BLAS, which would start threads on all cores
            explained = (course * moved).sum(axis=0) ** 2 / max(float((course**2).sum()), 1e-12)
            found = np.maximum(found, explained * (explained / total) ** AGREEMENT)
        evidence[apex] = found.sum()
    return evidence / max(float(evidence.max()), 1e-12)


def rise_and_fall(count: int, apex: int, delay: float) -> np.ndarray:
    """Return a curve (T,) of 0 up to `delay` of the way to the apex, 1 at the apex and 0 at the last frame."""
    time = np.arange(count)
    start = delay * apex
    rise, fall = (time - start) / max(apex - start, 1e-9), (count - 1 - time) / max(count - 1 - apex, 1e-9)
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(np.where(time <= apex, rise, fall), 0, 1))


def bisect_peak(curve: np.ndarray) -> int:
    """Return the index found by bisection, always into the half with the larger sum, the earlier one if equal."""
    first, end = 0, len(curve)
    while end - first > 1:
        half = (first + end + 1) // 2
        first, end = (first, half) if curve[first:half].sum() >= curve[half:end].sum() else (half, end)
    return first


def skin() -> np.ndarray:
    """Return the mask of a cropped face without its border and the eyes, bool (`GRID`, `GRID`)."""
    kept = central_mask((GRID, GRID))
    y, x = (np.mgrid[:GRID, :GRID] + 0.5) / GRID
    for eye in EYES:
        kept &= ((x - eye[0]) / EYE_AXES[0]) ** 2 + ((y - eye[1]) / EYE_AXES[1]) ** 2 >= 1
    return kept


def _small(frames: np.ndarray) -> np.ndarray:
    return np.stack([resize(frame.astype(np.float32), SIDE) for frame in frames])


def _soft(frame: np.ndarray) -> np.ndarray:
    """Return grey levels on the grid, smoothed against noise."""
    return resize(cv2.GaussianBlur(frame, (0, 0), 1.5), GRID)


def _without_drift(values: np.ndarray) -> np.ndarray:
    """Return values (T, P) minus their first and a fitted line through it, since slow drift is not an expression."""
    moved = values - values[0]
    time = np.arange(len(values), dtype=float)[:, None]
    return moved - time * ((time * moved).sum(axis=0) / max(float((time**2).sum()), 1e-12))
