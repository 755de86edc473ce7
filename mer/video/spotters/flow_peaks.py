"""Spot peaks of the length of motion: the usual recipe, without learning, as a baseline.

Contract: the course of the fastest patch is smoothed over twice `LAG`; peaks above mean + p (max - mean) of the whole
video, at least `LAG` apart, become intervals of `LAG` on both sides. All are equally long, so hardly a macro-expression
is found whole. Source: Moilanen et al., Spotting rapid facial movements from videos, ICPR 2014, for the threshold; the
rest is what entries to the spotting tasks of MEGC have in common.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from mer.video.interval import Interval
from mer.video.motion.face_regions import PLACES
from mer.video.motion.time_course import LAG, TimeCourse
from mer.video.spotters.registry import SPOTTERS

#: Motion over `LAG` below which nothing is a peak, face units, so that a still face has none.
FLOOR = 0.005


@SPOTTERS.register("flow_peaks")
def flow_peaks(course: TimeCourse, *, share: float = 0.55) -> list[Interval]:
    """Return the peaks of motion; `share` is p, the place of the threshold between mean and maximum."""
    table = course.table()
    motion = table["motion"].to_numpy()
    if not np.isfinite(motion).any():
        return []
    step = float(np.median(np.diff(course.times)))
    smooth = uniform_filter1d(np.nan_to_num(motion), max(1, round(2 * LAG / step)))
    threshold = max(FLOOR, float(smooth.mean() + share * (smooth.max() - smooth.mean())))
    found = []
    for peak in find_peaks(smooth, height=threshold, distance=max(1, round(LAG / step)))[0]:
        onset, offset = max(0, peak - round(LAG / step)), min(len(motion) - 1, peak + round(LAG / step))
        regions = {name: float(table[f"motion_{name}"][peak]) for name in PLACES}
        found.append(
            course.interval(
                (onset, int(peak), offset),
                source="flow_peaks",
                strength=float(smooth[peak]),
                threshold=threshold,
                region=max(regions, key=lambda name: regions[name]),
            )
        )
    return found
