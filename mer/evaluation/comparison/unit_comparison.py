"""Several runs on the action units of the same samples: scores, seeds together, the difference of every pair.

Contract: pure functions of the runs; plain JSON values, None where a number is not defined. Runs stand beside each
other over the units that every one of them counts in its means. A difference is tested by its bootstrap over subjects,
which draws the same people of both runs: interval and p by Student's t with S - 1 degrees of freedom, adjusted by Holm.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from scipy.stats import t as student

from mer.evaluation.comparison.groups import RunGroup, differing, group_by_config, group_facts
from mer.evaluation.comparison.notes import no_result
from mer.evaluation.comparison.runs import ComparisonError, FinishedRun, require_comparable
from mer.evaluation.metrics import rounded
from mer.evaluation.predictions import global_subjects
from mer.evaluation.report.templating import p_text, score_text, signed_text, write_page
from mer.evaluation.results import LEVEL
from mer.evaluation.statistics.bootstrap import score_interval
from mer.evaluation.statistics.paired_tests import TIE, holm
from mer.evaluation.units.scores import mean_over_units, subject_weights, weighted_auc, weighted_f1
from mer.evaluation.units.table import predicted_of, probabilities_of, truth_of

TEMPLATE = "unit_comparison.html.j2"
HEADINGS = {"auc": "mean AUC", "f1": "mean F1"}


def of_units(runs: Sequence[FinishedRun]) -> bool:
    """Return whether the runs recognise action units; ComparisonError where only some do."""
    found = {run.results.get("task", "emotion") for run in runs}
    if len(found) > 1:
        raise ComparisonError(f"these runs cannot be compared: some recognise {' and some '.join(sorted(found))}")
    return found == {"action_units"}


def compare_units(runs: Sequence[FinishedRun], *, draws: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Return the table and the pairs of runs on the same samples and units.

    Args:
        runs: two or more.
        draws: of the bootstrap over subjects.
        seed: of it.

    Raises:
        ComparisonError: fewer than two runs, or samples, subjects, codes or units differ, or no unit is counted in all.
    """
    require_comparable(runs)
    units = [row["unit"] for row in runs[0].results["units"]]
    counted = np.all([run.results["scores"]["all"]["counted"] for run in runs], axis=0)
    if not counted.any():
        raise ComparisonError("no unit has enough support in every run; set task.support lower in all of them")
    groups = group_by_config(runs)
    subjects = global_subjects(runs[0].predictions).to_numpy()
    times = np.concatenate([np.ones((1, len(subjects)), int), subject_weights(subjects, draws=draws, seed=seed)])
    scored = {one.name: _scores(one, units, times) for one in groups}
    rows = [_row(one, scored[one.name], counted, len(set(subjects))) for one in groups]
    pairs: list[dict[str, Any]] = [
        {
            "first": first.name,
            "second": second.name,
            **{
                key: _difference(scored[first.name][key], scored[second.name][key], counted, len(set(subjects)))
                for key in HEADINGS
            },
        }
        for first, second in combinations(groups, 2)
    ]
    for key in HEADINGS:
        defined = [pair[key] for pair in pairs if pair[key]["p"] is not None]
        for test, adjusted in zip(defined, holm([test["p"] for test in defined]), strict=True):
            test["p_holm"] = round(adjusted, 6)
    return {
        "task": "action_units",
        "classes": runs[0].results["classes"],
        "counted": [name for name, one in zip(runs[0].results["classes"], counted, strict=True) if one],
        "samples": len(subjects),
        "subjects": len(set(subjects)),
        "data": sorted({run.results["data"]["name"] for run in runs}),
        "synthetic": any(run.results["synthetic"] for run in runs),
        "no_result": no_result(rows),
        "interval": {**runs[0].results["interval"], "level": LEVEL, "draws": draws},
        "rows": rows,
        "pairs": pairs,
        "differing": differing(groups),
    }


def _scores(one: RunGroup, units: Sequence[int], times: np.ndarray) -> dict[str, np.ndarray]:
    """Return AUC and F1 (1 + D, K) of each unit, mean over seeds; the first row is that of the samples as they are."""
    found: dict[str, list[np.ndarray]] = {key: [] for key in HEADINGS}
    for run in one.runs:
        truth = truth_of(run.predictions, units)
        found["auc"].append(weighted_auc(truth, probabilities_of(run.predictions, units), times))
        found["f1"].append(weighted_f1(truth, predicted_of(run.predictions, units), times))
    return {key: np.mean(values, axis=0) for key, values in found.items()}


def _row(one: RunGroup, scored: dict[str, np.ndarray], counted: np.ndarray, people: int) -> dict[str, Any]:
    scores = {}
    for key, values in scored.items():
        mean = mean_over_units(values, counted)
        interval = score_interval(float(mean[0]), mean[1:], subjects=people, level=LEVEL)
        scores[key] = {
            "value": rounded(float(mean[0])),
            "low": rounded(interval.low),
            "high": rounded(interval.high),
            "per_unit": [rounded(float(value)) for value in values[0]],
        }
    return {
        **group_facts(one),
        "scores": scores,
    }


def _difference(first: np.ndarray, second: np.ndarray, counted: np.ndarray, people: int) -> dict[str, Any]:
    differences = mean_over_units(first, counted) - mean_over_units(second, counted)
    value, drawn = float(differences[0]), differences[1:][~np.isnan(differences[1:])]
    found: dict[str, Any] = {"difference": rounded(value), "low": None, "high": None, "p": None, "p_holm": None}
    if people < 2 or drawn.size == 0 or np.ptp(drawn) < TIE:
        return found
    error = float(drawn.std())
    reach = float(student.ppf((1 + LEVEL) / 2, people - 1)) * error
    p = float(2 * student.sf(abs(value) / error, people - 1))
    return {**found, "low": rounded(value - reach), "high": rounded(value + reach), "p": rounded(p)}


def unit_rows(comparison: dict[str, Any]) -> pd.DataFrame:
    """Return one row a configuration: name, seeds, means with intervals, AUC of each unit, marks, parameters."""
    return pd.DataFrame(
        [
            {
                "name": row["name"],
                "seeds": " ".join(map(str, row["seeds"])),
                **{
                    f"{key}{end}": row["scores"][key][part]
                    for key in HEADINGS
                    for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
                },
                **dict(
                    zip(
                        (f"auc_{name}" for name in comparison["classes"]), row["scores"]["auc"]["per_unit"], strict=True
                    )
                ),
                **{mark: row[mark] for mark in ("selection", "null", "waived")},
                "parameters": row["parameters"],
                "seconds": row["seconds"],
            }
            for row in comparison["rows"]
        ]
    )


def unit_pair_rows(comparison: dict[str, Any]) -> pd.DataFrame:
    """Return one row a pair: names, and for each score difference, interval, p and p adjusted by Holm."""
    return pd.DataFrame(
        [
            {
                "first": pair["first"],
                "second": pair["second"],
                **{f"{key}_{part}": value for key in HEADINGS for part, value in pair[key].items()},
            }
            for pair in comparison["pairs"]
        ]
    )


def unit_console(comparison: dict[str, Any]) -> RenderableType:
    """Return rows, pairs and warnings for the terminal."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True)
    for heading in ("", *HEADINGS.values(), "seeds"):
        table.add_column(heading)
    for number, row in enumerate(comparison["rows"], 1):
        cells = [score_text(row["scores"][key]["value"]) for key in HEADINGS]
        table.add_row(Text(f"{number} {row['name']}"), *cells, " ".join(map(str, row["seeds"])))
    lines = [
        Text(
            f"{pair['first']} - {pair['second']}: "
            + "; ".join(
                f"{heading} {signed_text(pair[key]['difference'])}, p {p_text(pair[key]['p'])}, "
                f"Holm {p_text(pair[key]['p_holm'])}"
                for key, heading in HEADINGS.items()
            )
        )
        for pair in comparison["pairs"]
    ]
    lines += [Text(f"Means over {', '.join(comparison['counted'])}.")]
    if comparison["synthetic"]:
        lines.append(Text("Synthetic data: these scores say nothing about real micro-expressions.", style="bold red"))
    lines += [Text(line, style="bold red") for line in comparison["no_result"]]
    return Group(table, *lines)


def write_unit_comparison(path: Path, comparison: dict[str, Any]) -> Path:
    """Return `path`, where the page for people was written."""
    return write_page(path, TEMPLATE, {"comparison": comparison, "headings": HEADINGS})
