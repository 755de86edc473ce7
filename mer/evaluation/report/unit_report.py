"""`report.html` of a run on action units, and its table for the terminal.

Contract: as of `html_report`: a pure function of the run's folder, one file that needs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mer import run_files
from mer.evaluation import caveats
from mer.evaluation.report.html_report import run_context
from mer.evaluation.report.templating import write_page
from mer.utils.atomic_files import read_json

TEMPLATE = "units.html.j2"
HEADINGS = {"auc": "mean AUC", "f1": "mean F1"}


def write_unit_report(run: Path) -> Path:
    """Return the path of the report, written from what lies in the run's folder."""
    results = read_json(run / run_files.RESULTS)
    shared = run_context(run, results)
    return write_page(
        run / run_files.REPORT,
        TEMPLATE,
        {
            **shared,
            "headings": HEADINGS,
            "counted": sum(results["scores"]["all"]["counted"]),
            "always": results["baselines"]["always"]["per_unit_f1"],
            "thresholds": _thresholds(results),
        },
    )


def _thresholds(results: Mapping[str, Any]) -> str:
    if results["threshold"] == "inner" and results["selection"] == "inner":
        return ", thresholds of units chosen on inner parts of the training subjects"
    if results["threshold"] == "drawn":
        return ", thresholds of units chosen on newly drawn motion maps"
    return ", units present from a probability of one half"


def unit_console_table(results: Mapping[str, Any]) -> RenderableType:
    """Return a row a unit with AUC, F1, support, beneath them means and guesses, and every warning."""
    whole, data = results["scores"]["all"], results["data"]
    title = Text(f"{results['experiment']}: {data['name']}, action units", style="bold")
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("", no_wrap=True)
    for heading in ("AUC", "F1", "with", "without"):
        table.add_column(heading, justify="right")
    for (name, row), counted in zip(whole["per_unit"].items(), whole["counted"], strict=True):
        cells = [_cell(row["auc"]), _cell(row["f1"]), str(row["support"]), str(row["absent"])]
        table.add_row(name, *cells, style="" if counted else "dim")
    table.add_section()
    means = {f"mean of {sum(whole['counted'])}": whole}
    if len(results["scores"]["by_dataset"]) > 1:
        means |= {f"  {name}, {sum(row['counted'])}": row for name, row in results["scores"]["by_dataset"].items()}
    for name, row in means.items():
        table.add_row(Text(name), _cell(row["auc"]), _cell(row["f1"]), "", "", style="bold" if row is whole else "")
    for name, row in results["baselines"].items():
        table.add_row(f"{name} guess", _cell(row["auc"]), _cell(row["f1"]), "", "", style="dim")
    lines = [
        f"{results['protocol']['name']}, {results['protocol']['folds']} folds pooled, {whole['samples']} samples of "
        f"{whole['subjects']} subjects, {data['coded']} coded. Brackets: {results['interval']['level']:.0%} interval "
        f"by bootstrap over subjects. Means: units that {results['support']} samples of two people or more show."
    ]
    if results["objective"]:
        reading = results["objective"]
        lines.append(
            f"Objective classes I to V from the predicted units: accuracy {_short(reading['accuracy'])}, UF1 "
            f"{_short(reading['uf1'])} over {reading['clips']} samples."
        )
    lines.append(f"Leak audit: {caveats.leak_lines(results)[0]}")
    warnings = caveats.warnings(results)
    return Group(table, *map(Text, lines), *(Text(line, style="bold red") for line in warnings))


def _cell(score: Mapping[str, Any]) -> str:
    if score["value"] is None:
        return "-"
    if score["low"] is None:
        return _short(score["value"])
    return f"{_short(score['value'])} [{_short(score['low'], 2)},{_short(score['high'], 2)}]"


def _short(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}".removeprefix("0")
