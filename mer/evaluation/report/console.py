"""The results of a run as a table for the terminal.

Contract: a pure function of the dict of `results.summarise`; prints nothing itself. Synthetic data and missing samples
are said in words, not by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mer.evaluation.caveats import HEADINGS, leak_lines, margin, members, null_tests, remarks, warnings


def console_table(results: Mapping[str, Any]) -> RenderableType:
    """Scores with intervals, data sets and baselines beneath, and every warning, as one renderable of `rich`."""
    data, whole = results["data"], results["scores"]["all"]
    title = Text(f"{results['experiment']}: {data['name']}", style="bold")
    # narrow gaps, so that four scores with intervals fit into 80 columns
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("", no_wrap=True)
    for heading in HEADINGS.values():
        table.add_column(heading, justify="right")
    _add(table, "this run", whole, style="bold")
    if len(results["scores"]["by_dataset"]) > 1:
        for name, row in results["scores"]["by_dataset"].items():
            _add(table, f"  {name}", row)
    table.add_section()
    for name, row in results["baselines"].items():
        _add(table, f"{name} guess", row, style="dim")
    lines = [
        f"{results['protocol']['name']}, {results['protocol']['folds']} folds pooled, {whole['samples']} samples of "
        f"{whole['subjects']} subjects. Brackets: {results['interval']['level']:.0%} interval by bootstrap over "
        "subjects; for random baselines, the range of as large a share of their draws."
    ]
    distance = margin(results)
    if distance is not None:
        side = "above" if distance >= 0 else "BELOW"
        lines.append(f"UF1 lies {abs(distance):.3f} {side} the best baseline.")
    several = members(results)
    if several:
        mean, deviation = (several["rows"][name]["uf1"] for name in ("mean", "deviation"))
        if mean is not None and deviation is not None:
            lines.append(
                f"{several['count']} networks a fold, averaged; each alone has UF1 {_short(mean, 3)} on average, "
                f"deviation {_short(deviation, 3)}."
            )
    lines += remarks(results)
    lines.append(f"Leak audit: {leak_lines(results)[0]}")
    lines += [f"{test['title']}: {test['verdict']}" for test in null_tests(results)]
    return Group(table, *(Text(line) for line in lines), *(Text(line, style="bold red") for line in warnings(results)))


def _add(table: Table, name: str, row: Mapping[str, Any], style: str = "") -> None:
    # Text, since a data set's name may hold brackets, which are markup in a plain string
    table.add_row(Text(name), *(Text(_cell(row[metric])) for metric in HEADINGS), style=style)


def _cell(score: Mapping[str, Any]) -> str:
    if score["value"] is None:
        return "not defined"
    if score["low"] is None:
        return _short(score["value"], 3)
    return f"{_short(score['value'], 3)} [{_short(score['low'], 2)},{_short(score['high'], 2)}]"


def _short(value: float, digits: int) -> str:
    """Return `.731` for 0.731 and `1.000` for 1."""
    return f"{value:.{digits}f}".removeprefix("0")
