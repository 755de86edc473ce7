"""Make tables of a comparison, for the terminal and as CSV: one row per configuration, one row per pair.

Contract: pure functions of the dict of `comparison.compare`; console and page say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mer.evaluation.caveats import HEADINGS
from mer.evaluation.comparison.compare import TESTED
from mer.evaluation.report.templating import p_text, score_text, signed_text

#: Columns of `caveats.score_flags`, which say what a score must not be read without.
MARKS = ("selection", "null", "waived")
#: How the tests work, for console and page.
METHOD = (
    "Differences are first minus second, of pooled scores. p: two-sided permutation test that swaps the two runs' "
    "predictions subject by subject; Holm's adjustment is over the pairs of this table, for each score. Brackets: 95% "
    "interval by bootstrap over subjects. Several seeds enter the tests with the mean of their confusion matrices."
)


def configuration_rows(comparison: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per configuration: name, seeds, folders, marks, then value, low, high, deviation of each score."""
    rows = []
    for one in comparison["rows"]:
        row = {
            "name": one["name"],
            "seeds": " ".join(map(str, one["seeds"])),
            "folders": " ".join(one["folders"]),
            **{mark: one[mark] for mark in MARKS},
            "synthetic": comparison["synthetic"],
            "samples": comparison["samples"],
            "subjects": comparison["subjects"],
            "parameters": one["parameters"],
            "seconds": one["seconds"],
        }
        for key in HEADINGS:
            row |= {key: one["scores"][key]["value"]}
            row |= {f"{key}_{part}": one["scores"][key][part] for part in ("low", "high", "deviation")}
            row[f"{key}_seeds_together"] = one["ensemble"][key]["value"] if one["ensemble"] else None
        rows.append(row)
    return pd.DataFrame(rows)


def pair_rows(comparison: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per pair and score: names, marks, difference, interval, p, Holm's p, effect, power, McNemar."""
    marked = {one["name"]: {mark: one[mark] for mark in MARKS} for one in comparison["rows"]}
    return pd.DataFrame(
        {"first": pair["first"], "second": pair["second"]}
        | {f"{side}_{mark}": value for side in ("first", "second") for mark, value in marked[pair[side]].items()}
        | {"score": key}
        | {
            part: pair[key][part]
            for part in ("difference", "low", "high", "p", "p_holm", "exact", "swaps", "standardised", "detectable")
        }
        | {f"mcnemar_{part}": pair["mcnemar"][part] for part in ("only_first", "only_second", "p", "g")}
        for pair in comparison["pairs"]
        for key in TESTED
    )


def comparison_console(comparison: Mapping[str, Any]) -> RenderableType:
    """Return the scores, the tests of every pair and all notes, to print in a terminal."""
    scores = _table(f"{comparison['samples']} samples of {comparison['subjects']} subjects")
    scores.add_column("")
    scores.add_column("", overflow="fold")
    scores.add_column("seeds", justify="right")
    for heading in HEADINGS.values():
        scores.add_column(heading, justify="right", no_wrap=True)
    numbers = {one["name"]: str(place) for place, one in enumerate(comparison["rows"], 1)}
    for one in comparison["rows"]:
        first, *others = (one["scores"][key] for key in HEADINGS)
        cells = [_cell(first), *(score_text(score["value"]) for score in others)]
        scores.add_row(numbers[one["name"]], Text(one["name"]), str(len(one["seeds"])), *map(Text, cells))
        if one["ensemble"]:
            together = [Text(score_text(one["ensemble"][key]["value"])) for key in HEADINGS]
            scores.add_row("", "  seeds together", "", *together, style="dim")
    pairs = _table("Differences, by the numbers above")
    pairs.add_column("", no_wrap=True)
    for heading in ("UF1", "p", "Holm", "UAR", "p", "accuracy", "p", "McNemar"):
        pairs.add_column(heading, justify="right", no_wrap=True)
    for pair in comparison["pairs"]:
        uf1, uar, right = (pair[key] for key in TESTED)
        pairs.add_row(
            Text(f"{numbers[pair['first']]} − {numbers[pair['second']]}"),
            Text(_difference(uf1)),
            p_text(uf1["p"]),
            p_text(uf1["p_holm"]),
            signed_text(uar["difference"]),
            p_text(uar["p"]),
            signed_text(right["difference"]),
            p_text(right["p"]),
            p_text(pair["mcnemar"]["p"]),
        )
    notes = [Text(METHOD), *(Text(note, style="bold") for note in comparison["notes"])]
    return Group(scores, Text(""), pairs, Text(""), *notes)


def _table(title: str) -> Table:
    return Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def _cell(score: Mapping[str, Any]) -> str:
    text = score_text(score["value"])
    if score["deviation"] is not None:
        text += f" ±{score_text(score['deviation'])}"
    if score["low"] is not None:
        text += f" [{score['low']:.2f},{score['high']:.2f}]".replace("0.", ".")
    return text


def _difference(test: Mapping[str, Any]) -> str:
    text = signed_text(test["difference"])
    return text if test["low"] is None else f"{text} [{signed_text(test['low'], 2)},{signed_text(test['high'], 2)}]"
