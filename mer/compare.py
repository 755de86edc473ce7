"""Command `mer compare RUN RUN ...`: compare runs on the same samples in one table, and test every pair.

A RUN is the folder of a run or of a sweep. Runs that differ only in the seed are one configuration. Writes the table,
the pairs and the clips as CSV, all numbers as JSON, an HTML page, and a learning curve if runs train on different
numbers of subjects. Exit status 2 if the runs cannot be compared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from mer.cli import guarded
from mer.evaluation.comparison.compare import compare
from mer.evaluation.comparison.groups import group_by_config
from mer.evaluation.comparison.hard_clips import clip_table, hard_clips
from mer.evaluation.comparison.html_page import write_comparison
from mer.evaluation.comparison.learning_curve import learning_curve
from mer.evaluation.comparison.runs import FinishedRun, read_run, run_folders
from mer.evaluation.comparison.tables import comparison_console, configuration_rows, pair_rows
from mer.evaluation.comparison.unit_comparison import (
    compare_units,
    of_units,
    unit_console,
    unit_pair_rows,
    unit_rows,
    write_unit_comparison,
)
from mer.utils.atomic_files import write_json, write_png
from mer.utils.console import say
from mer.utils.csv_files import write_csv
from mer.utils.hashing import digest

#: Names of the files that it writes.
TABLE, PAIRS, NUMBERS, PAGE = "comparison.csv", "pairs.csv", "comparison.json", "comparison.html"
CLIPS, CURVE = "clips.csv", "learning_curve.png"


def run(paths: Sequence[Path], out: Path, *, draws: int, seed: int, console: Console) -> dict[str, Any]:
    """Compare the runs in `paths`, print the tables and write all files into `out`; return the comparison.

    Raises:
        MerError: if a folder holds no run, or the runs cannot be compared.
    """
    runs = [read_run(folder) for path in paths for folder in run_folders(path)]
    if of_units(runs):
        return _units(runs, out, draws=draws, seed=seed, console=console)
    comparison = compare(runs, draws=draws, seed=seed)
    clips = clip_table(runs)
    for name, table in (
        (TABLE, configuration_rows(comparison)),
        (PAIRS, pair_rows(comparison)),
        (CLIPS, clips),
    ):
        write_csv(out / name, table)
    write_json(out / NUMBERS, comparison)
    page = write_comparison(out / PAGE, comparison)
    figure = learning_curve(group_by_config(runs))
    if figure is not None:
        write_png(out / CURVE, figure)
    console.print(comparison_console(comparison))
    say(console, hard_clips(clips, runs=len(runs)) + f" Every clip: {(out / CLIPS).resolve()}")
    if figure is not None:
        say(console, f"learning curve: {(out / CURVE).resolve()}")
    say(console, f"report: {page.resolve()}")
    return comparison


def _units(runs: Sequence[FinishedRun], out: Path, *, draws: int, seed: int, console: Console) -> dict[str, Any]:
    """The comparison of runs on action units, printed and written into `out`."""
    comparison = compare_units(runs, draws=max(draws // 5, 1), seed=seed)
    write_csv(out / TABLE, unit_rows(comparison))
    write_csv(out / PAIRS, unit_pair_rows(comparison))
    write_json(out / NUMBERS, comparison)
    page = write_unit_comparison(out / PAGE, comparison)
    console.print(unit_console(comparison))
    say(console, f"report: {page.resolve()}")
    return comparison


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(
        prog="mer compare", description="Compare finished runs on the same samples; every pair is tested."
    )
    found.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run or of a sweep")
    found.add_argument(
        "--out", type=Path, help="folder for what is written; default: outputs/comparison_<hash of RUNs>"
    )
    found.add_argument("--draws", type=int, default=10_000, help="most swaps of a permutation test (default 10000)")
    found.add_argument("--seed", type=int, default=0, help="seed of the drawing (default 0)")
    return found


@guarded
def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `python -m mer.compare`."""
    given = parser().parse_args(arguments)
    if given.draws < 1:
        parser().error(f"--draws: expected 1 or more, got {given.draws}")
    names = [str(path.resolve()) for path in given.runs]
    out = given.out or Path("outputs") / f"comparison_{digest(names)[:8]}"
    run(given.runs, out, draws=given.draws, seed=given.seed, console=Console())


if __name__ == "__main__":
    sys.exit(main())
