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
#: Where eyes are in a cropped face: middle and half axes as shares of the sides. Left out, for blinks and glances are
#: larger than expressions and none of them. Drawn clips: error 3.4 frames with the eyes, 2.4 without.
EYES, EYE_AXES = ((0.3, 0.31), (0.7, 0.31)), (0.17, 0.11)
#: Deviation in frames over which motion is smoothed in time.
SMOOTHING = 2.0
#: Least distance of the apex from both ends, frames.
MARGIN = 4
#: Shares of the way from onset to apex before motion begins: units of one expression do not start together.
DELAYS = (0.0, 0.15, 0.3)
#: Power of the share of its motion that a place must owe to the course of an expression to have a say, and power of
#: the evidence in the median over frames. Chosen with the values above on 80 drawn clips (seeds 501, 601): error 2.3
#: frames, 5.1 of the middle frame.
AGREEMENT, SHARPNESS = 16, 2

Spotter = Callable[[np.ndarray], int]


#: Spotter by `input.apex`; `annotated` takes the table's.
SPOTTERS: Registry[Spotter] = Registry("apex spotter")


@SPOTTERS.register("middle")
def middle_frame(frames: np.ndarray) -> int:
    """Return the middle frame, the usual substitute, since micro-expressions rise and fall in about the same time."""
    return (len(frames) - 1) // 2


@SPOTTERS.register("flow")
def flow_apex(frames: np.ndarray) -> int:
    """Return the apex by `course_peak` of motion and of grey-level change since onset, both without head motion."""
    small, face = _small(frames), central_mask((SIDE, SIDE))
    kept, fields, levels = skin(), [], []
    for frame in small:
        held = remove_head_motion(small[0], frame, dis, rounds=1)
        held *= small[0][face].mean() / max(float(held[face].mean()), 1e-6)  # lamps flicker
        field = dis(small[0], held)
        own = field - motion_of(similarity(field, face), field.shape[1:])
        fields.append([resize(channel.astype(np.float32), GRID)[kept] for channel in own])
        levels.append(_soft(held)[kept])
    motion = np.array(fields).reshape(len(frames), -1)
    return course_peak(motion, np.stack(levels))


@SPOTTERS.register("difference")
def frame_difference(frames: np.ndarray) -> int:
    """The apex by change of grey levels against the line from the onset frame to the offset frame: search by halves.

    The half with the larger sum of change is searched on, until one frame is left. Sources: Yan et al., Quantifying
    micro-expressions with constraint local model and local binary pattern, ECCV workshops 2014, for change since onset;
    Liong et al., Automatic apex frame spotting in micro-expression database, ACPR 2015, for regions and the search.
    Cheap, but the head's motion counts.
    """
    levels = np.stack([_soft(frame)[skin()] for frame in _small(frames)])
    levels = gaussian_filter1d(levels, SMOOTHING, axis=0)
    line = np.linspace(0, 1, len(levels))[:, None]
    curve = np.abs(levels - (1 - line) * levels[0] - line * levels[-1]).mean(axis=1)
    return bisect_peak(curve - curve.min())


def course_peak(*kinds: np.ndarray) -> int:
    """Place of the apex in measurements over time, each (T, P) at P places: when a rise and fall explains them best.

    For each frame as apex, a course that rises from onset and falls to offset, as half waves of a cosine, is fitted to
    every place beside a linear drift; places count by what it explains, times the explained share to the power
    `AGREEMENT`, so that what moves at its own pace (lids, lips that swallow) is not heard. The evidence of the kinds is
    multiplied; the median over frames, weighted by it, is the apex. Ours.
    """
    evidence = np.prod([_evidence(values) for values in kinds], axis=0)
    if not evidence.max() > 0:
        return (len(evidence) - 1) // 2
    weights = np.cumsum((evidence / evidence.max()) ** SHARPNESS)
    return int(np.searchsorted(weights, weights[-1] / 2))


def _evidence(values: np.ndarray) -> np.ndarray:
    """How well each frame as apex explains measurements (T, P): (T,), at most 1."""
    count = len(values)
    margin = min(MARGIN, (count - 1) // 2)
    moved = _without_drift(gaussian_filter1d(values.astype(float), SMOOTHING, axis=0))
    total = (moved**2).sum(axis=0) + 1e-12
    evidence = np.zeros(count)
    for apex in range(margin, count - margin):
        found = np.zeros(values.shape[1])
        for delay in DELAYS:
            course = _without_drift(rise_and_fall(count, apex, delay)[:, None])
            # sums, for BLAS would wake all threads of a busy machine
            explained = (course * moved).sum(axis=0) ** 2 / max(float((course**2).sum()), 1e-12)
            found = np.maximum(found, explained * (explained / total) ** AGREEMENT)
        evidence[apex] = found.sum()
    return evidence / max(float(evidence.max()), 1e-12)


def rise_and_fall(count: int, apex: int, delay: float) -> np.ndarray:
    """Course (T,) from 0 at the first frame, later by `delay` of the way, to 1 at the apex and 0 at the last frame."""
    time = np.arange(count)
    start = delay * apex
    rise, fall = (time - start) / max(apex - start, 1e-9), (count - 1 - time) / max(count - 1 - apex, 1e-9)
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(np.where(time <= apex, rise, fall), 0, 1))


def bisect_peak(curve: np.ndarray) -> int:
    """Place that a search by halves ends at: always into the half with the larger sum, the earlier one if equal."""
    first, end = 0, len(curve)
    while end - first > 1:
        half = (first + end + 1) // 2
        first, end = (first, half) if curve[first:half].sum() >= curve[half:end].sum() else (half, end)
    return first


def skin() -> np.ndarray:
    """What is judged of a cropped face: its middle without the eyes, bool (`GRID`, `GRID`)."""
    kept = central_mask((GRID, GRID))
    y, x = (np.mgrid[:GRID, :GRID] + 0.5) / GRID
    for eye in EYES:
        kept &= ((x - eye[0]) / EYE_AXES[0]) ** 2 + ((y - eye[1]) / EYE_AXES[1]) ** 2 >= 1
    return kept


def _small(frames: np.ndarray) -> np.ndarray:
    return np.stack([resize(frame.astype(np.float32), SIDE) for frame in frames])


def _soft(frame: np.ndarray) -> np.ndarray:
    """Grey levels on the grid, smoothed against noise."""
    return resize(cv2.GaussianBlur(frame, (0, 0), 1.5), GRID)


def _without_drift(values: np.ndarray) -> np.ndarray:
    """Values (T, P) minus their first and a line through it that fits best: what creeps on is no expression."""
    moved = values - values[0]
    time = np.arange(len(values), dtype=float)[:, None]
    return moved - time * ((time * moved).sum(axis=0) / max(float((time**2).sum()), 1e-12))
