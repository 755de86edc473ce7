"""Draw the learning curve of compared runs: UF1 over training subjects, one line per configuration, one dot per run.

Contract: pure functions of the groups of `groups.group_by_config`; matplotlib through its objects, as in `heat_map`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from mer.evaluation.comparison.groups import RunGroup, config_labels
from mer.evaluation.comparison.runs import FinishedRun

#: Protocols whose folds train on all people but those of the fold, who are different people in every fold.
BY_PEOPLE = ("loso", "kfold")

#: Of the split, what no line may mix: epochs chosen on the test samples and others.
KEPT = ("protocol.selection",)
#: Points of a line: people in training, and UF1 of every run there.
Line = list[tuple[float, list[float]]]


def training_people(run: FinishedRun) -> float | None:
    """Return how many subjects train a fold on average; None if the protocol does not split by subjects."""
    protocol = run.results["protocol"]
    if protocol["name"] not in BY_PEOPLE:
        return None
    people = run.results["data"]["subjects"]
    rest = people * (1 - 1 / protocol["folds"])
    return float(min(run.config.get("protocol.train_subjects") or rest, rest))


def curve_lines(groups: Sequence[RunGroup]) -> dict[str, Line]:
    """Return the lines by name; groups that differ only in their split form one. Empty if no line has two points."""
    lines: dict[str, tuple[dict[str, Any], Line]] = {}
    for one in groups:
        people = training_people(one.runs[0])
        if people is None:
            continue
        config = one.runs[0].config
        rest = {k: v for k, v in config.items() if k != "seed" and (k in KEPT or not k.startswith("protocol."))}
        _, line = lines.setdefault(json.dumps(rest, sort_keys=True), (rest, []))
        line.append((people, [run.results["scores"]["all"]["uf1"]["value"] for run in one.runs]))
    if max((len({people for people, _ in line}) for _, line in lines.values()), default=0) < 2:
        return {}
    names = _names([rest for rest, _ in lines.values()])
    return {name: sorted(line) for name, (_, line) in zip(names, lines.values(), strict=True)}


def learning_curve(groups: Sequence[RunGroup]) -> Figure | None:
    """Draw `curve_lines`; return None without a curve."""
    lines = curve_lines(groups)
    if not lines:
        return None
    runs = [run for one in groups for run in one.runs]
    figure = Figure(
        figsize=(6.2, 4.0), dpi=100, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1), facecolor="white"
    )
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for number, (name, line) in enumerate(lines.items()):
        colour, marker = f"C{number % 10}", "os^Dv"[number % 5]
        people = [place for place, _ in line]
        axes.plot(people, [np.mean(scores) for _, scores in line], color=colour, marker=marker, label=name)
        for place, scores in line:
            axes.plot(
                [place] * len(scores), scores, linestyle="", marker=marker, markersize=3.5, alpha=0.4, color=colour
            )
    axes.set_xscale("log")
    ticks = sorted({place for line in lines.values() for place, _ in line})
    axes.set_xticks(ticks, [f"{place:g}" for place in ticks])
    axes.minorticks_off()
    axes.set_xlabel("people in training")
    axes.set_ylabel("UF1")
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    title = "UF1 pooled over folds; line: mean of the runs, dots: the runs (seeds)"
    if any(run.results["synthetic"] for run in runs):
        title += "\nsynthetic data"
    if any(run.results.get("selection") == "leaky" for run in runs):
        title += "\nLEAKY: epochs chosen on the test samples"
    axes.set_title(title, fontsize=8.5, loc="left")
    return figure


def _names(configs: Sequence[dict[str, Any]]) -> list[str]:
    """Name the lines by the first few keys that differ, with numbers if the names are not unique."""
    common = sorted(set.intersection(*(set(config) for config in configs)))
    keys = [key for key in common if len({json.dumps(config[key]) for config in configs}) > 1]
    names = config_labels(configs, keys)
    if len(set(names)) < len(names):
        names = [f"{place}. {name}".rstrip(". ") for place, name in enumerate(names, 1)]
    return [name or "all runs" for name in names]
