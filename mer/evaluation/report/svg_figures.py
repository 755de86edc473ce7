"""Figures of the report as inline SVG: score strips and training curves.

Contract: pure functions that return markup; colours come from the page's style sheet by class name, so one figure
serves light and dark; every figure carries its text alternative. Data ink only: no frames, few ticks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup, escape
from matplotlib.ticker import MaxNLocator

#: Size of a panel of curves in SVG units, and what its axes take on the left, right, top and bottom.
WIDTH, HEIGHT = 320, 190
LEFT, RIGHT, TOP, BOTTOM = 34, 10, 8, 22
#: More lines or points than these add ink and no information: evenly chosen ones are drawn.
MAX_LINES, MAX_POINTS = 100, 150

#: Columns of `curves.csv` that are drawn, with their titles.
PANELS = {
    "train_loss": "Training loss",
    "train_accuracy": "Training accuracy",
    "validation_loss": "Loss on the inner split",
    "validation_uf1": "UF1 on the inner split",
}


def score_strip(score: Mapping[str, Any], *, marker: str = "run") -> Markup:
    """Strip from 0 to 1 with a score and its interval; empty where the score is not defined.

    Args:
        score: value, low, high, each 0..1 or None.
        marker: class of the mark, `run` or `chance`.
    """
    if score["value"] is None:
        return Markup("")
    parts = ['<line class="axis" x1="0%" x2="100%" y1="50%" y2="50%"/>']
    if score["low"] is not None:
        parts.append(
            f'<line class="range" x1="{_percent(score["low"])}" x2="{_percent(score["high"])}" y1="50%" y2="50%"/>'
        )
    parts.append(f'<circle class="mark" cx="{_percent(score["value"])}" cy="50%" r="3.2"/>')
    # the numbers stand beside it in words, so the strip itself is decoration
    return Markup(f'<svg class="strip {escape(marker)}" aria-hidden="true" focusable="false">{"".join(parts)}</svg>')


def curve_panels(curves: Sequence[pd.DataFrame]) -> list[Markup]:
    """Return one figure per column of `PANELS` in the curves: thin lines are folds, the thick one their median."""
    if not curves:
        return []
    return [_panel(column, title, curves) for column, title in PANELS.items() if _has(curves, column)]


def reliability_diagram(calibration: Mapping[str, Any]) -> Markup:
    """Accuracy against confidence of each bin that holds samples, areas by samples, the diagonal where they agree.

    Args:
        calibration: of `calibration.calibration`; without a sample there is no figure.
    """
    rows = [row for row in calibration["bins"] if row["samples"]]
    if not rows:
        return Markup("")
    side = HEIGHT
    across, up = _Scale(0.0, 1.0, LEFT, side - RIGHT), _Scale(0.0, 1.0, side - BOTTOM, TOP)
    most = max(row["samples"] for row in rows)
    marks = "".join(
        f'<circle cx="{across(row["confidence"]):.1f}" cy="{up(row["accuracy"]):.1f}" '
        f'r="{2 + 6 * (row["samples"] / most) ** 0.5:.1f}"/>'
        for row in rows
    )
    line = f'<line class="agree" x1="{across(0):.1f}" y1="{up(0):.1f}" x2="{across(1):.1f}" y2="{up(1):.1f}"/>'
    text = (
        f"Reliability: accuracy against confidence in {len(rows)} bins, expected calibration error "
        f"{calibration['ece']:.3f}; the table beside it holds the numbers."
    )
    return Markup(
        f'<figure class="panel square"><figcaption>Share right against confidence</figcaption>'
        f'<svg viewBox="0 0 {side} {side}" role="img" aria-label="{escape(text)}">'
        f'{_axes(across, up, whole=False)}{line}<g class="marks">{marks}</g></svg></figure>'
    )


def _has(curves: Sequence[pd.DataFrame], column: str) -> bool:
    return any(column in frame and frame[column].notna().any() for frame in curves)


def _panel(column: str, title: str, curves: Sequence[pd.DataFrame]) -> Markup:
    lines = [frame[["epoch", column]].dropna() for frame in curves if column in frame]
    lines = [frame for frame in lines if len(frame)]
    together = pd.concat(lines).groupby("epoch")[column]
    # where fewer than half of the folds still train, a median would be one of other folds than before
    median = together.median()[together.count() >= len(lines) / 2]
    first, last = float(pd.concat(lines)["epoch"].min()), float(pd.concat(lines)["epoch"].max())
    top = float(pd.concat(lines)[column].max()) if "loss" in column else 1.0
    horizontal = _Scale(first, last, LEFT, WIDTH - RIGHT)
    vertical = _Scale(0.0, top, HEIGHT - BOTTOM, TOP)
    chosen = [lines[place] for place in _evenly(len(lines), MAX_LINES)]
    folds = "".join(
        f'<path d="{_path(frame["epoch"].to_numpy(), frame[column].to_numpy(), horizontal, vertical)}"/>'
        for frame in chosen
    )
    thick = _path(median.index.to_numpy(), median.to_numpy(), horizontal, vertical)
    text = (
        f"{title} by epoch of {len(lines)} fold{'s' if len(lines) > 1 else ''}; "
        f"the median goes from {median.iloc[0]:.3f} to {median.iloc[-1]:.3f}."
    )
    return Markup(
        f'<figure class="panel"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(text)}">'
        f'{_axes(horizontal, vertical)}<g class="folds">{folds}</g><path class="median" d="{thick}"/></svg></figure>'
    )


class _Scale:
    """Linear map from data values onto SVG units; a range of no width is widened."""

    def __init__(self, low: float, high: float, start: float, stop: float) -> None:
        self.low, self.high = low, high if high > low else low + 1.0
        self.start, self.stop = start, stop

    def __call__(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return positions in SVG units."""
        share = (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)

    def ticks(self, count: int, *, whole: bool = False) -> list[float]:
        """Return about `count` round values inside the range."""
        values = MaxNLocator(nbins=count, integer=whole).tick_values(self.low, self.high)
        return [float(value) for value in values if self.low - 1e-9 <= value <= self.high + 1e-9]


def _axes(horizontal: _Scale, vertical: _Scale, *, whole: bool = True) -> str:
    parts = []
    for value in horizontal.ticks(5, whole=whole):
        parts.append(f'<text x="{horizontal(value):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{value:g}</text>')
    for value in vertical.ticks(4):
        y = float(vertical(value))
        parts.append(f'<text x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{value:g}</text>')
        parts.append(f'<line class="tick" x1="{LEFT}" x2="{horizontal.stop}" y1="{y:.1f}" y2="{y:.1f}"/>')
    return f'<g class="axes">{"".join(parts)}</g>'


def _path(x: npt.NDArray, y: npt.NDArray, horizontal: _Scale, vertical: _Scale) -> str:
    """Return the path data of a line with at most `MAX_POINTS` points."""
    keep = _evenly(len(x), MAX_POINTS)
    points = [f"{a:.1f} {b:.1f}" for a, b in zip(horizontal(x[keep]), vertical(y[keep]), strict=True)]
    # a line back to itself, with the round caps of the style sheet, makes a single point visible
    return "M" + "L".join(points if len(points) > 1 else points * 2)


def _evenly(size: int, most: int) -> list[int]:
    """Return at most `most` indices, evenly spaced over 0..size-1 with both ends."""
    return sorted({int(index) for index in np.linspace(0, size - 1, min(size, most)).round()})


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
