"""Pictures as files of their own: the pooled confusion matrix, and attention strips for experiment trackers.

Contract: pure functions of a run's folder or of arrays; matplotlib through its objects, so that no global state,
display or backend is touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from mer import run_files
from mer.evaluation.report.input_images import Picture, attention_picture, enlarged, input_picture
from mer.utils.atomic_files import read_json, write_png

#: White pixels between the pictures of a strip.
GAP = 6
#: Shortest side in pixels of a picture in a strip.
SIDE = 112


def confusion_png(run: str | Path) -> Path:
    """Draw `confusion.png` from the run's `results.json` and return its path: counts, shaded by class share."""
    run = Path(run)
    results = read_json(run / run_files.RESULTS)
    figure = confusion_figure(results)
    path = run / run_files.CONFUSION
    write_png(path, figure)
    return path


def confusion_figure(results: Mapping[str, Any]) -> Figure:
    """Draw the confusion matrix of `results.json`: rows are true classes, columns predicted ones."""
    classes, whole = results["classes"], results["scores"]["all"]
    counts = np.asarray(whole["confusion"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 1.9 + 0.85 * len(classes)
    figure = Figure(
        figsize=(side, side), dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1), facecolor="white"
    )
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.25)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.75 else "black"
        axes.text(column, row - 0.06, f"{count}", ha="center", va="bottom", color=colour, fontsize=12)
        axes.text(column, row + 0.06, f"{shares[row, column]:.0%}", ha="center", va="top", color=colour, fontsize=8)
    axes.set_xticks(range(len(classes)), classes, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), [f"{name} ({n})" for name, n in zip(classes, counts.sum(axis=1), strict=True)])
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(_title(results), fontsize=8.5, loc="left")
    return figure


def attention_figure(image: npt.NDArray, maps: Mapping[int, npt.NDArray]) -> Picture:
    """Return a strip (H, W, 3) of an input (C, H, W) and, by rising stage, its attention maps (h, w) over it."""
    pictures = [input_picture(image), *(attention_picture(image, maps[stage]) for stage in sorted(maps))]
    parts = [enlarged(picture, shortest=SIDE) for picture in pictures]
    gap = np.full((parts[0].shape[0], GAP, 3), 255, dtype=np.uint8)
    return np.concatenate([part for picture in parts for part in (gap, picture)][1:], axis=1)


def _title(results: Mapping[str, Any]) -> str:
    """Return the title: experiment, n, and what limits the numbers; one statement a line."""
    whole = results["scores"]["all"]
    uf1 = "not defined" if whole["uf1"]["value"] is None else f"{whole['uf1']['value']:.3f}"
    lines = [
        results["experiment"],
        f"{whole['samples']} samples of {whole['subjects']} subjects, UF1 {uf1}",
    ]
    if results.get("selection") == "leaky":
        lines.append("LEAKY: epochs chosen on the test samples")
    if results["synthetic"]:
        lines.append("synthetic data")
    if not results["complete"]:
        lines.append(f"incomplete: {results['data']['scored']} of {results['data']['samples']} samples")
    return "\n".join(lines)
