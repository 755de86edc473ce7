"""Draw the time course of a face's motion as inline SVG: call `time_course_figure`.

Contract: a pure function that returns markup; colours come from the page's style sheet. Places are shares of the width,
so that text has its size on a phone too; the figure carries its text alternative.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from matplotlib.ticker import MaxNLocator

from mer.data.facs.geometry import Array
from mer.video.results import FoundInterval

#: Steps of time that are drawn at most, each from its least to its greatest value: more than a screen has pixels.
STEPS = 1200
#: Height of the drawing and of the band of numbers above it, pixels.
HEIGHT, BAND = 150, 34
#: Numbers nearer than this share of the width stand one above the other, and by how many pixels.
NEAR, ABOVE = 0.045, 13
#: Frames apart of a face in more than this many seconds are a gap, or `GAP` times the usual step.
GAP_SECONDS, GAP = 0.1, 3.0


def time_course_figure(
    frames: pd.DataFrame, intervals: Sequence[FoundInterval], seconds: float, *, title: str
) -> Markup:
    """Return the motion of one face over time with its intervals, each a link to `#interval-NUMBER`.

    Args:
        frames: rows of this face: `time`, and `motion` in face units, NaN where it could not be measured.
        intervals: of this face.
        seconds: length of the video.
        title: of the figure.
    """
    times, motion = (frames[name].to_numpy(dtype=np.float64) for name in ("time", "motion"))
    end = max(seconds, float(times[-1]) if len(times) else 0.0, 1e-3)
    top = float(np.nanmax(motion)) * 1.05 if np.isfinite(motion).any() else 0.0
    top = max(top, 1e-3)
    across = [value for value in MaxNLocator(nbins=5).tick_values(0, end) if 0 <= value <= end]
    up = [value for value in MaxNLocator(nbins=3).tick_values(0, top) if 0 < value <= top]
    text = (
        f"{title}: motion over {end:.1f} s, at most {top / 1.05:.3f}; "
        + (", ".join(f"{one.number} at {one.interval.apex_time:.2f} s" for one in intervals) or "no interval")
        + "."
    )
    bands = "".join(_band(one, end) for one in intervals)
    lines = "".join(
        f'<line class="tick" x1="0" x2="100%" y1="{_height(value, top):.1f}" y2="{_height(value, top):.1f}"/>'
        f'<text x="2" y="{_height(value, top) - 3:.1f}">{value:g}</text>'
        for value in up
    )
    numbers = "".join(_numbers(intervals, end))
    seconds_ = "".join(
        f'<text x="{100 * value / end:.2f}%" y="{BAND + HEIGHT + 15}" text-anchor="{_anchor(value / end)}">{value:g}'
        f"{' s' if place == 0 else ''}</text>"
        for place, value in enumerate(across)
    )
    return Markup(
        f'<figure class="course"><figcaption>{escape(title)}</figcaption>'
        f'<svg class="time" width="100%" height="{BAND + HEIGHT + 20}" role="group" aria-label="{escape(text)}">'
        f"{bands}{lines}"
        f'<svg x="0" y="{BAND}" width="100%" height="{HEIGHT}" viewBox="0 0 {STEPS} {HEIGHT}" '
        f'preserveAspectRatio="none"><path d="{_path(times, motion, end, top)}"/></svg>'
        f"{numbers}{seconds_}</svg></figure>"
    )


def _height(value: float, top: float) -> float:
    return BAND + HEIGHT * (1 - value / top)


def _anchor(share: float) -> str:
    return "start" if share < 0.03 else "end" if share > 0.97 else "middle"


def _band(one: FoundInterval, end: float) -> str:
    left, width = one.interval.onset_time / end, one.interval.seconds / end
    return (
        f'<rect class="{one.interval.kind}" x="{100 * left:.3f}%" y="{BAND}" width="{max(100 * width, 0.25):.3f}%" '
        f'height="{HEIGHT}"/>'
    )


def _numbers(intervals: Sequence[FoundInterval], end: float) -> Iterator[str]:
    """Yield the number of each interval above its apex, a link."""
    before, up = -1.0, False
    for one in intervals:
        share = one.interval.apex_time / end
        up = not up and abs(share - before) < NEAR
        before = share
        yield (
            f'<a href="#interval-{one.number}"><text class="number" x="{100 * share:.2f}%" '
            f'y="{BAND - 7 - ABOVE * up}" text-anchor="{_anchor(share)}">{one.number}</text></a>'
        )


def _path(times: Array, values: Array, end: float, top: float) -> str:
    """Return the path data of the curve; it is broken where the face is not seen or not measured."""
    known = np.isfinite(values)
    times, values = times[known], values[known]
    if not len(times):
        return ""
    apart = np.diff(times)
    gap = max(GAP_SECONDS, GAP * float(np.median(apart))) if len(apart) else GAP_SECONDS
    parts = []
    for piece in np.split(np.arange(len(times)), np.flatnonzero(apart > gap) + 1):
        x, y = STEPS * times[piece] / end, HEIGHT * (1 - values[piece] / top)
        keep = _extremes(x, y)
        points = [f"{a:.1f} {b:.1f}" for a, b in zip(x[keep], y[keep], strict=True)]
        # a line back to itself, with round caps, makes a single point visible
        parts.append("M" + "L".join(points if len(points) > 1 else points * 2))
    return "".join(parts)


def _extremes(x: Array, y: Array) -> list[int]:
    """Return the places of the first, lowest, highest and last value of each step, so that no peak is left out."""
    edges = [0, *(np.flatnonzero(np.diff(x.astype(int))) + 1), len(x)]
    kept: list[int] = []
    for first, last in itertools.pairwise(edges):
        inside = y[first:last]
        kept += sorted({first, first + int(inside.argmin()), first + int(inside.argmax()), last - 1})
    return kept
