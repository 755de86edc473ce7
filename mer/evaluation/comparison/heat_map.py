"""Draw a sweep over two keys as one picture: a cell a job with UF1 and half of its interval, or a cell a configuration
with its mean and deviation over seeds.

Contract: pure function of the sweep's table; matplotlib through its objects, so that no global state, display or
backend is touched.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine


def heat_map(table: pd.DataFrame, keys: tuple[str, str]) -> Figure | None:
    """Draw UF1 over two keys of a sweep; return None if two jobs have the same pair of values.

    The key with fewer values makes the rows. The colours span the mean interval or the range of the scores, whichever
    is wider, so that differences smaller than the intervals look small. Jobs without a score stay empty.

    Args:
        table: of `sweep_table` or `mean_over_seeds`, with a score at least; values keep the order of the jobs.
        keys: the two columns that were varied.
    """
    # a job that could not begin has no values of its keys, and no place
    table = table[table["uf1"].notna() | table[list(keys)].notna().any(axis=1)]
    if table.duplicated(list(keys)).any():
        return None
    if "uf1_deviation" in table:
        spread = table["uf1_deviation"]
        table = table.assign(uf1_low=table["uf1"] - spread, uf1_high=table["uf1"] + spread)
    values = {key: list(dict.fromkeys(table[key].map(_name))) for key in keys}
    row_key, column_key = sorted(keys, key=lambda key: len(values[key]))
    rows, columns = values[row_key], values[column_key]
    scores = np.full((3, len(rows), len(columns)), np.nan)
    for job in table.to_dict("records"):
        row, column = rows.index(_name(job[row_key])), columns.index(_name(job[column_key]))
        scores[:, row, column] = [job[part] for part in ("uf1", "uf1_low", "uf1_high")]
    low, high = _span(scores)

    figure = Figure(
        figsize=(1.9 + 0.95 * len(columns), 1.5 + 0.62 * len(rows)),
        dpi=100,
        layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1),
        facecolor="white",
    )
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(scores[0], cmap="Blues", vmin=low, vmax=high, aspect="auto")
    for row, column in np.ndindex(len(rows), len(columns)):
        value, *ends = scores[:, row, column]
        colour = "white" if value > low + 0.6 * (high - low) else "black"
        axes.text(column, row - 0.04, _digits(value), ha="center", va="bottom", color=colour, fontsize=11)
        if not np.isnan(ends).any():
            half = f"±{_digits((ends[1] - ends[0]) / 2)}"
            axes.text(column, row + 0.08, half, ha="center", va="top", color=colour, fontsize=8)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel(column_key)
    axes.set_ylabel(row_key)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(_title(table), fontsize=8.5, loc="left")
    return figure


def _span(scores: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Scores of the palest and the darkest colour, from (3, rows, columns) of value, low, high."""
    known = scores[0][~np.isnan(scores[0])]
    if not len(known):
        return 0.0, 1.0
    widths = scores[2] - scores[1]
    width = np.nanmean(widths) if (~np.isnan(widths)).any() else 0.0
    # half of the range or of the interval on either side; never nothing, which would be no scale
    reach = max(float(known.max() - known.min()), float(width), 0.02) / 2
    middle = float(known.max() + known.min()) / 2
    return middle - reach, middle + reach


def _title(table: pd.DataFrame) -> str:
    """Return the title: what the numbers are and what limits them, one statement a line."""
    means = "uf1_deviation" in table
    lines = ["UF1, mean ± standard deviation over seeds" if means else "UF1 ± half of its 95% interval over subjects"]
    if "selection" in table:
        lines.append("LEAKY: epochs chosen on the test samples")
    if table["status"].str.contains("failed|incomplete").any():
        lines.append("incomplete: some jobs or folds failed")
    if table["synthetic"].eq(True).any():
        lines.append("synthetic data")
    return "\n".join(lines)


def _name(value: Any) -> str:
    """Return the label of a value on an axis: an empty list is `none`, an absent value `null`."""
    if value is None or value != value:
        return "null"
    if isinstance(value, float) and value.is_integer():  # a column of whole numbers with a gap holds floats
        return str(int(value))
    return str(value).strip("[]") or "none"


def _digits(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}".removeprefix("0")
