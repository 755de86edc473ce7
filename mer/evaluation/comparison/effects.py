"""Compare the configurations of a sweep with its first one: differences in UF1, intervals over subjects, a picture.

Contract: pure functions of finished runs on the same samples. The reference is the first job, whatever its score, so
that no score chooses it; p-values are adjusted by Holm over all other configurations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from mer.evaluation.comparison.groups import config_labels, differing, group_by_config
from mer.evaluation.comparison.runs import FinishedRun, require_comparable
from mer.evaluation.metrics import METRICS
from mer.evaluation.predictions import confusions_by_subject
from mer.evaluation.results import LEVEL
from mer.evaluation.statistics.paired_tests import effect_size, holm, permutation_test

#: Adjusted p-values below this are called differences beyond noise.
ALPHA = 0.05
SCORE = "uf1"


def effect_table(runs: Sequence[FinishedRun], *, draws: int = 10_000, seed: int = 0) -> pd.DataFrame:
    """Return one row a configuration, in the order of the jobs; seeds of a configuration are averaged.

    Columns: configuration, seeds, uf1, difference (to the first row), low, high (95% interval over subjects), p,
    p_holm, least_p (that can come out with these subjects, before the adjustment); the first row has no difference.

    Args:
        runs: of a sweep, in the order of its jobs, two configurations or more.
        draws: most swaps of a permutation test; a fifth of them are bootstrap draws.
        seed: of both.

    Raises:
        ComparisonError: samples, subjects, labels or classes of the runs differ.
    """
    require_comparable(runs)
    groups, classes = group_by_config(runs), runs[0].results["classes"]
    labels = config_labels([one.runs[0].config for one in groups], list(differing(groups)))
    metric = METRICS[SCORE]
    counts = [
        np.mean([confusions_by_subject(run.predictions, classes)[1] for run in one.runs], axis=0) for one in groups
    ]
    scores = [[run.results["scores"]["all"][SCORE]["value"] for run in one.runs] for one in groups]
    rows: list[dict[str, Any]] = []
    for group, label, values, part in zip(groups, labels, scores, counts, strict=True):
        row = {
            "configuration": label or group.name,
            "seeds": len(group.runs),
            SCORE: float(np.mean(values)) if None not in values else None,
        }
        if rows:
            tested = permutation_test(part, counts[0], metric, draws=draws, seed=seed)
            size = effect_size(part, counts[0], metric, draws=max(draws // 5, 1), seed=seed, level=LEVEL)
            row |= {"difference": tested.difference, "low": size.low, "high": size.high, "p": tested.p}
            row["least_p"] = 1 / tested.swaps if tested.exact else 0.0
        rows.append(row)
    defined = [row for row in rows if row.get("p") is not None]
    for row, adjusted in zip(defined, holm([row["p"] for row in defined]), strict=True):
        row["p_holm"] = adjusted
    columns = ["configuration", "seeds", SCORE, "difference", "low", "high", "p", "p_holm", "least_p"]
    return pd.DataFrame(rows).reindex(columns=columns).round(6)


def verdict(effects: pd.DataFrame) -> str:
    """Return the sentence that follows from the table: which differences to the first row are beyond noise."""
    first, others = effects["configuration"].iloc[0], effects.iloc[1:]
    clear = others[others["p_holm"].fillna(1.0) < ALPHA]
    test = f"permutation over subjects, Holm over {len(others)} comparisons, level {ALPHA:g}"
    least = len(others) * others["least_p"].min()
    if clear.empty and least >= ALPHA:
        return (
            f"Too few subjects on whom the configurations differ: no adjusted p below {min(least, 1.0):.2f} can come "
            f"out over {len(others)} comparisons, whatever the differences to the first ({first})."
        )
    if clear.empty:
        return f"No configuration differs from the first ({first}) beyond noise in UF1 ({test})."
    told = "; ".join(
        f"{row.configuration} by {row.difference:+.3f} [{row.low:+.2f}, {row.high:+.2f}], p {row.p_holm:.3f}"
        for row in clear.itertuples()
    )
    rest = len(others) - len(clear)
    return f"From the first configuration ({first}) differ beyond noise in UF1 ({test}): {told}." + (
        f" The other {rest} do not." if rest else ""
    )


def effect_figure(effects: pd.DataFrame, *, notes: Sequence[str] = ()) -> Figure:
    """Draw the differences to the first configuration with their intervals, one row a configuration.

    Filled marks differ beyond noise after Holm's adjustment, open ones do not.
    """
    others = effects.iloc[1:]
    figure = Figure(
        figsize=(6.4, 1.6 + 0.26 * len(others)),
        dpi=150,
        layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08),
        facecolor="white",
    )
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.axvline(0, color="0.6", linewidth=0.8)
    for place, row in enumerate(others.itertuples()):
        clear = row.p_holm < ALPHA
        if not np.isnan(row.low):
            axes.plot([row.low, row.high], [place, place], color="#1f5fa8", linewidth=1.4)
        axes.plot(
            [row.difference],
            [place],
            "o",
            markersize=5,
            color="#1f5fa8",
            markerfacecolor="#1f5fa8" if clear else "white",
        )
    first = effects.iloc[0]
    axes.set_yticks(
        range(len(others)), [f"{row.configuration}  {row.uf1:.3f}" for row in others.itertuples()], fontsize=8
    )
    axes.set_ylim(len(others) - 0.4, -0.6)
    axes.set_xlabel("difference in UF1, 95% interval over subjects", fontsize=8)
    axes.tick_params(length=0, labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    title = f"UF1 against {first['configuration']} ({first[SCORE]:.3f}); filled: beyond noise (Holm)"
    axes.set_title("\n".join([title, *notes]), fontsize=8.5, loc="left", x=0, wrap=True)
    return figure
