"""Time courses whose skin moves as told, without pictures: motion over `LAG` is the difference of true places."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mer.video.motion.face_regions import PATCH_REGIONS
from mer.video.motion.rigid_motion import PARTS
from mer.video.motion.time_course import LAG, TimeCourse

Place = Callable[[np.ndarray], np.ndarray]


def bump(start: float, end: float, size: float = 0.03, hold: float = 0.0) -> Place:
    """Return a course that rises from `start`, stays for `hold` seconds and is back at `end`."""

    def at(times: np.ndarray) -> np.ndarray:
        rise = (end - start - hold) / 2
        way = np.clip(np.minimum((times - start) / rise, (end - times) / rise), 0, 1)
        return size * (0.5 - 0.5 * np.cos(np.pi * way))

    return at


def course(
    times: np.ndarray,
    moves: dict[str, Place],
    *,
    noise: float = 0.0005,
    yaw: Place | None = None,
    relief: float = 0.0,
    lids: Place | None = None,
    seed: int = 0,
) -> TimeCourse:
    """Return the course of a face whose regions move down by `moves`, and by `relief` times the turn of its head."""
    rng = np.random.default_rng(seed)

    def over_lag(place: Place) -> np.ndarray:
        return place(times) - place(times - LAG)

    turn = over_lag(yaw) if yaw else np.zeros(len(times))
    jitter = noise * rng.standard_normal((len(times) + 1, len(PATCH_REGIONS), 2))
    motion = jitter[1:] - jitter[:-1]
    for patch, region in enumerate(PATCH_REGIONS):
        motion[:, patch, 0] += relief * turn
        if region in moves:
            motion[:, patch, 1] += over_lag(moves[region])
    head = np.zeros((len(times), len(PARTS)))
    head[:, PARTS.index("yaw")] = turn
    motion[times < LAG], head[times < LAG] = np.nan, np.nan
    pupils = lids(times) if lids else np.zeros(len(times))
    return TimeCourse(0, np.arange(len(times)), times, motion, head, pupils)
