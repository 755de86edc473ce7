"""Write and print the table of a sweep: one row a job, seeds averaged, failed jobs with their reasons.

Where two keys were varied, a heat map of UF1 over both is drawn too, and for jobs on the same samples a picture of the
differences to the first job, with the sentence on which of them are beyond noise. Hydra runs the jobs; each leaves its
own results at once, so a killed sweep loses nothing, and all can be made again: `python -m mer.sweep FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mer import run_files
from mer.cli import guarded
from mer.errors import MerError
from mer.evaluation.comparison.effects import effect_figure, effect_table, verdict
from mer.evaluation.comparison.heat_map import heat_map
from mer.evaluation.comparison.runs import ComparisonError, read_run
from mer.evaluation.comparison.sweep_table import SCORES, SEED, UNIT_SCORES, mean_over_seeds, sweep_table, varied_keys
from mer.utils.atomic_files import write_json, write_png
from mer.utils.console import say
from mer.utils.csv_files import write_csv

TABLE, MEANS, PICTURE = "sweep.csv", "sweep_means.csv", "sweep.png"
EFFECTS, EFFECT_PICTURE = "effects.csv", "effects.png"

#: Most varied keys with their own column in the printed table; more keys share one column.
SIDE_BY_SIDE = 4

#: Explanations of the marks, printed below the table.
SAID = {
    "selection": "LEAKY rows: their epochs were chosen on the test samples; these scores are inflated.",
    "null": "NULL rows: labels or motion were taken away on purpose; what they score is chance or a leak.",
    "waived": "WAIVED rows: the leak audit found what the row names, and the run was made all the same.",
}


class SweepTable(Callback):
    """Hydra callback that writes and prints the table at the end of a multirun, and sets the exit status."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Write the overrides of the sweep, so that `mer run resume=FOLDER` can finish it."""
        asked = config.hydra.overrides
        mine = [one for one in asked.hydra if not one.startswith(("hydra.sweep.dir=", "hydra.mode="))]
        if not config.dry_run:
            write_json(Path(config.hydra.sweep.dir) / run_files.SWEEP, {"overrides": [*asked.task, *mine]})

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the table; exit with status 1 if a job has no complete result."""
        folder = Path(config.hydra.sweep.dir)
        table = sweep_table(folder)
        if table.empty:  # a dry run leaves no results
            return
        show(folder, table, Console())
        if (table["status"] != "done").any():
            sys.exit(1)


def show(folder: Path, table: pd.DataFrame, console: Console) -> None:
    """Write `sweep.csv`, means over seeds and the heat map; print the table, failed jobs and what limits the scores."""
    write_csv(folder / TABLE, table)
    written = {"table": folder / TABLE}
    varied = varied_keys(table)
    means = mean_over_seeds(table) if SEED in varied else None
    (folder / MEANS).unlink(missing_ok=True)
    if means is not None:
        write_csv(folder / MEANS, means)
        written["means over seeds"] = folder / MEANS
    if _draw(folder / PICTURE, table if means is None or len(varied) == 2 else means):
        written["heat map"] = folder / PICTURE
    said = _effects(folder, table)
    if said is not None:
        written |= {"differences": folder / EFFECTS, "picture of them": folder / EFFECT_PICTURE}
    console.print(_printed(table if means is None else means, console.width))
    if said is not None:
        say(console, said)
    for row in table[table["status"] != "done"].to_dict("records"):
        say(console, _unfinished(row, varied, folder))
    if table.get("synthetic", pd.Series(dtype=bool)).eq(True).any():
        console.print("Synthetic data: these scores say nothing about real micro-expressions.")
    for mark, said in SAID.items():
        if mark in table:
            console.print(said)
    say(
        console,
        "Choosing a row by these scores would be selection on the test subjects, and by the folds' mean inner score "
        "(validation_uf1) it still is in part: the test subjects of one fold are in the inner splits of the others. "
        "Report all rows, or let each fold choose inside its own training part (protocol.candidates).",
    )
    for name, path in written.items():
        say(console, f"{name}: {path.resolve()}")


def _printed(table: pd.DataFrame, width: int) -> Table:
    """Return the table to print; keys share one column where they would not fit `width` characters side by side."""
    mean = "jobs" in table
    counts = set(table["parameters"].dropna()) if "parameters" in table else set()
    parameters = ["parameters"] if len(counts) > 1 else []
    marks = [mark for mark in SAID if mark in table]
    ends = [name for name in ("status", *marks, *SCORES, *UNIT_SCORES, *parameters, "seconds") if name in table]
    keys = varied_keys(table)
    names = dict(zip(keys, _short(keys), strict=True))
    rows = table.to_dict("records")
    columns = [str(table.columns[0]), *keys, *ends]
    cells = {names.get(name, name): [_cell(row, name) for row in rows] for name in columns}
    wide = sum(
        1 + max(len(line) for cell in (name, *column) for line in cell.split("\n")) for name, column in cells.items()
    )
    if len(keys) > SIDE_BY_SIDE or wide > width:
        folded = {**names, **{name: name for name in (*marks, *parameters)}}
        lines = [
            "\n".join(f"{name} {_cell(row, key)}" for key, name in folded.items() if _known(row[key])) for row in rows
        ]
        cells = {columns[0]: cells[columns[0]], "differs": lines} | {n: cells[n] for n in ends if n not in folded}
    title = (
        f"{len(table)} configurations; scores pooled over folds, mean ± standard deviation over seeds"
        if mean
        else f"{len(table)} jobs; scores pooled over folds, 95% interval over subjects"
    )
    shown = Table(title=title, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in cells:
        shown.add_column(name, no_wrap=name in (*SCORES, *UNIT_SCORES), overflow="fold")
    for row in zip(*cells.values(), strict=True):
        shown.add_row(*(Text(cell) for cell in row))
    return shown


def _short(keys: list[str]) -> list[str]:
    """Return the last part of each key, or the whole key if two keys have the same last part."""
    last = [key.rpartition(".")[2] for key in keys]
    return [short if last.count(short) == 1 else key for key, short in zip(keys, last, strict=True)]


def _unfinished(row: dict[Any, Any], keys: list[str], folder: Path) -> str:
    """Return a line on an unfinished job: its varied keys and the reason."""
    varied = " ".join(f"{key}={row[key]}" for key in keys if _known(row[key]))
    if row["status"] == "incomplete":
        table = folder / str(row["job"]) / run_files.FOLDS
        return f"job {row['job']} is incomplete ({varied}): some folds failed; {table} says which and why"
    return f"job {row['job']} failed ({varied or row['overrides']}): {row['error']}"


def _draw(path: Path, table: pd.DataFrame) -> bool:
    """Write the heat map if exactly two keys vary, else remove an old one; return whether it was written."""
    keys = varied_keys(table)
    figure = heat_map(table, (keys[0], keys[1])) if len(keys) == 2 and "uf1" in table else None
    if figure is None:
        path.unlink(missing_ok=True)
        return False
    write_png(path, figure)
    return True


def _effects(folder: Path, table: pd.DataFrame) -> str | None:
    """Write table and picture of the differences to the first job; return what follows, or None where none are tested.

    Tested are two configurations or more whose jobs are done, on the same samples and classes.
    """
    for name in (EFFECTS, EFFECT_PICTURE):
        (folder / name).unlink(missing_ok=True)
    done = [folder / str(job) for job in table["job"][table["status"] == "done"]]
    if len(done) < 2 or "uf1" not in table or not all((job / run_files.PREDICTIONS).is_file() for job in done):
        return None
    try:
        found = effect_table([read_run(job) for job in done])
    except ComparisonError:  # jobs on other samples or with other classes, each shown in its row
        return None
    if len(found) < 2:
        return None
    notes = ["synthetic data"] if table["synthetic"].eq(True).any() else []
    write_csv(folder / EFFECTS, found)
    write_png(folder / EFFECT_PICTURE, effect_figure(found, notes=notes))
    return verdict(found)


def _cell(row: dict[Any, Any], name: str) -> str:
    value = row[name]
    if not _known(value):
        return "-"
    if name in (*SCORES, *UNIT_SCORES):
        low, high, deviation = (row.get(f"{name}_{part}") for part in ("low", "high", "deviation"))
        spread = f"\n[{low:.2f},{high:.2f}]" if _known(low) else f"\n±{deviation:.3f}" if _known(deviation) else ""
        return f"{value:.3f}{spread}".replace("0.", ".")
    if name == "parameters":
        return f"{int(value):,}"
    return f"{value:.0f}" if name == "seconds" else str(value)


def _known(value: Any) -> bool:
    return value is not None and value == value


@guarded
def main(arguments: list[str] | None = None) -> int:
    """Entry point of `python -m mer.sweep FOLDER`."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1 or given[0] in ("-h", "--help"):
        print("usage: mer sweep FOLDER   (the folder of a multirun)", file=sys.stderr)
        return 0 if given else 2
    if not given[0].strip() or not Path(given[0]).is_dir():
        raise MerError(
            f"no folder at {given[0] or '(an empty name)'}; expected the folder of a multirun (hydra.sweep.dir)"
        )
    table = sweep_table(Path(given[0]))
    if table.empty:
        raise MerError(f"{given[0]} holds no job of a sweep; expected the folder of a multirun (hydra.sweep.dir)")
    show(Path(given[0]), table, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
