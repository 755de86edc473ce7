"""The table of a sweep: one row a job, what was varied, what came out; a pure function of the sweep's folder.

Where two keys were varied, a heat map of UF1 over both stands beside it. Hydra runs the jobs; each leaves its own
results at once, so a killed sweep loses nothing, and table and picture can be made again: `python -m mer.sweep FOLDER`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from mer import run_files
from mer.cli import guarded
from mer.errors import MerError
from mer.evaluation.caveats import score_flags
from mer.evaluation.comparison.heat_map import heat_map
from mer.evaluation.results import total_seconds
from mer.utils.atomic_files import read_json, write_json, write_png
from mer.utils.console import say
from mer.utils.csv_files import write_csv

TABLE, PICTURE = "sweep.csv", "sweep.png"
SCORES = ("uf1", "uar", "accuracy")

#: Varied keys that have a column each in what is printed; of more each job lists its values in one.
SIDE_BY_SIDE = 4

#: What a job's marks (`mer.evaluation.caveats.score_flags`) are in a run that needs no word on them.
ORDINARY = {"selection": ("", "fixed", "inner"), "null": ("none",), "waived": ("",)}
#: What the others mean, below the table.
SAID = {
    "selection": "LEAKY rows: their epochs were chosen on the test samples; these scores are inflated.",
    "null": "NULL rows: labels or motion were taken away on purpose; what they score is chance or a leak.",
    "waived": "WAIVED rows: the leak audit found what the column names, and the run was made all the same.",
}


class SweepTable(Callback):
    """Hydra callback: writes and prints the table when all jobs of a multirun have ended, and sets the exit status."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Keep what the sweep was asked for, so that `mer run resume=FOLDER` can finish it."""
        asked = config.hydra.overrides
        mine = [one for one in asked.hydra if not one.startswith(("hydra.sweep.dir=", "hydra.mode="))]
        if not config.dry_run:
            write_json(Path(config.hydra.sweep.dir) / run_files.SWEEP, {"overrides": [*asked.task, *mine]})

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Collect the sweep's folder; exit status 1 when a job has no complete result."""
        folder = Path(config.hydra.sweep.dir)
        table = sweep_table(folder)
        if table.empty:  # a dry run leaves no results
            return
        show(folder, table, Console())
        if (table["status"] != "done").any():
            sys.exit(1)


def sweep_table(folder: Path) -> pd.DataFrame:
    """One row a job: number, the keys that differ between jobs, status, scores with intervals, parameters, seconds."""
    jobs = sorted((path for path in folder.iterdir() if _is_job(path)), key=_job_order)
    configs = {job.name: _config(job) for job in jobs}
    keys = sorted({key for config in configs.values() for key in config})
    known = [config for config in configs.values() if config]
    # a key that only some jobs have, as those of a stage, is told by stage_order; it varies where those jobs differ
    varied = [key for key in keys if len({json.dumps(config[key]) for config in known if key in config}) > 1]
    rows = []
    for job in jobs:
        row: dict[str, Any] = {"job": job.name, **{key: _text(configs[job.name].get(key)) for key in varied}}
        path, error = job / run_files.RESULTS, job / run_files.ERROR
        if error.is_file() or not path.is_file():  # results beside an error are those of an earlier sweep
            reason = read_json(error) if error.is_file() else {}
            line = reason.get("error", "ended without results").splitlines()[0]
            rows.append({**row, "status": "failed", "overrides": " ".join(reason.get("overrides", [])), "error": line})
            continue
        results = read_json(path)
        row["status"] = "incomplete" if results["failed_folds"] else "done"
        row |= {mark: value for mark, value in score_flags(results).items() if value not in ORDINARY[mark]}
        for score in SCORES:
            values = results["scores"]["all"][score]
            row |= {score: values["value"], f"{score}_low": values["low"], f"{score}_high": values["high"]}
        rows.append(
            {
                **row,
                "parameters": results["parameters"],
                "seconds": total_seconds(results),
                "synthetic": results["synthetic"],
            }
        )
    return pd.DataFrame(rows)


def show(folder: Path, table: pd.DataFrame, console: Console) -> None:
    """Write `sweep.csv` and, where two keys were varied, `sweep.png`; print the table."""
    write_csv(folder / TABLE, table)
    picture = _picture(folder, table)
    hidden = {f"{score}_{end}" for score in SCORES for end in ("low", "high")} | {"synthetic", "overrides", "error"}
    if table.get("parameters", pd.Series(dtype=float)).nunique() < 2:
        hidden.add("parameters")
    columns = [name for name in table.columns if name not in hidden]
    if len(varied := columns[1 : columns.index("status")]) > SIDE_BY_SIDE:
        table = table.assign(differs=[_lines(row, varied) for row in table.to_dict("records")])
        columns = ["job", "differs", *columns[columns.index("status") :]]
    shown = Table(title=f"{len(table)} jobs; scores pooled over folds, 95% interval over subjects")
    for name in columns:
        shown.add_column(name.rpartition(".")[2], no_wrap=name in SCORES, overflow="fold")
    for row in table.to_dict("records"):
        shown.add_row(*(_cell({str(key): value for key, value in row.items()}, name) for name in columns))
    console.print(shown)
    for row in table[table["status"] == "failed"].to_dict("records"):
        say(console, f"job {row['job']} failed ({row['overrides']}): {row['error']}")
    if table.get("synthetic", pd.Series(dtype=bool)).eq(True).any():
        console.print("Synthetic data: these scores say nothing about real micro-expressions.")
    for mark, said in SAID.items():
        if mark in table:
            console.print(said)
    say(
        console,
        "Choosing a row by these scores would be selection on the test subjects, and by the folds' mean inner score "
        "(validation_uf1) it still is in part: whom one fold tests is in the inner splits of the others. Report all "
        "rows, or let each fold choose inside its own training part (protocol.candidates).",
    )
    for name, path in (("table", folder / TABLE), ("heat map", picture)):
        if path is not None:
            say(console, f"{name}: {path.resolve()}")


def _lines(row: dict[Any, Any], keys: list[str]) -> str:
    """A line a key that the job has, by the last part of its name unless another key has the same."""
    short = [key.rpartition(".")[2] for key in keys]
    names = [last if short.count(last) == 1 else key for key, last in zip(keys, short, strict=True)]
    known = ((name, row[key]) for name, key in zip(names, keys, strict=True))
    return "\n".join(f"{name} {value}" for name, value in known if value is not None and value == value)


def _picture(folder: Path, table: pd.DataFrame) -> Path | None:
    """Path of the heat map, or None where the table is not one of two keys or has no score at all."""
    columns = list(table.columns)
    varied = columns[1 : columns.index("status")]
    figure = heat_map(table, (varied[0], varied[1])) if len(varied) == 2 and "uf1" in table else None
    path = folder / PICTURE
    if figure is None:
        path.unlink(missing_ok=True)  # one of other jobs would be a picture of another table
        return None
    write_png(path, figure)
    return path


def _cell(row: dict[str, Any], name: str) -> str:
    value = row[name]
    if value is None or value != value:
        return "-"
    if name in SCORES:
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        digits = (
            f"{value:.3f}" if low is None or low != low else f"{value:.3f}\n[{low:.2f},{high:.2f}]"
        )  # below: keys need the width
        return digits.replace("0.", ".")
    if name == "parameters":
        return f"{int(value):,}"
    return f"{value:.0f}" if name == "seconds" else str(value)


def _text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _is_job(path: Path) -> bool:
    return (path / run_files.MANIFEST).is_file() or (path / run_files.ERROR).is_file()


def _config(job: Path) -> dict[str, Any]:
    """What decided the job's numbers; empty for a job that could not begin."""
    manifest = job / run_files.MANIFEST
    return read_json(manifest)["config"] if manifest.is_file() else {}


def _job_order(path: Path) -> tuple[int, str]:
    return (int(path.name), "") if path.name.isdigit() else (10**9, path.name)


@guarded
def main(arguments: list[str] | None = None) -> int:
    """Entry point of `python -m mer.sweep FOLDER`."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1 or given[0] in ("-h", "--help"):
        print("usage: python -m mer.sweep FOLDER   (the folder of a multirun)", file=sys.stderr)
        return 0 if given else 2
    if not Path(given[0]).is_dir():
        raise MerError(f"no folder at {given[0]}; expected the folder of a multirun (hydra.sweep.dir)")
    table = sweep_table(Path(given[0]))
    if table.empty:
        raise MerError(f"{given[0]} holds no job of a sweep; expected the folder of a multirun (hydra.sweep.dir)")
    show(Path(given[0]), table, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
