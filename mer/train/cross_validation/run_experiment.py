"""Run a whole experiment with `run_experiment`: load the samples, train all folds, write results and report.

Contract: finished folds in the run's folder are kept and missing ones are trained, so the same call finishes an
interrupted run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mer import run_files
from mer.cli import seconds_running
from mer.config import Config
from mer.evaluation.report.console import console_table
from mer.evaluation.report.unit_report import unit_console_table
from mer.inputs import pipeline
from mer.protocols.registry import Fold
from mer.train.cross_validation import initial_weights_check, stage_notes
from mer.train.cross_validation.collect_results import collect_results
from mer.train.cross_validation.dry_run import describe
from mer.train.cross_validation.finished_folds import damages
from mer.train.cross_validation.run_folder import check_run_folder, open_run_folder
from mer.train.cross_validation.run_lock import lock_run_folder
from mer.train.cross_validation.sanity_checks import add_null_tests
from mer.train.cross_validation.train_folds import missing_folds, parallel_folds, train_folds
from mer.train.cross_validation.wandb_tracking import open_summary
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import Experiment, load_experiment, look_at_frames
from mer.train.fold.fold_log import log_finished
from mer.train.fold.pretraining import damaged_stages, train_shared
from mer.train.leaks import audit as leaks
from mer.train.lightning.main_process import is_main_process
from mer.train.loggers.tracked_run import track
from mer.utils.atomic_files import read_json, write_json
from mer.utils.console import say


def run_experiment(
    config: Config, folder: Path, *, console: Console | None = None, overrides: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return the results of all folds (content of `results.json`); train the folds that `folder` does not hold yet.

    Args:
        config: the configuration.
        folder: the run's folder, see `mer.run_files`.
        console: shows progress and tables; None for standard output.
        overrides: what was typed on the command line, for loggers; None for what a run that is continued was given.

    Raises:
        MerError: if the configuration, the data or the folder cannot be used; the text says what to do.
    """
    imports = seconds_running()
    check_config(config)
    main = is_main_process(config)
    console = console or Console(quiet=not main)
    if main:
        pipeline.clean_cache(config)
    experiment = load_experiment(config, progress=config.trainer.progress and main)
    origin = initial_weights_check.check(experiment)
    audited = leaks.audit_leaks(experiment)
    experiment = look_at_frames(experiment) if main else experiment
    if config.dry_run:
        start = time.perf_counter()
        load_experiment(config)  # as a run would, now that all of it is in the cache
        startup = imports + time.perf_counter() - start
        check_run_folder(experiment, folder)
        describe(experiment, console, todo=missing_folds(experiment, folder), origin=origin, startup=startup)
        return {}
    with lock_run_folder(folder) if main else nullcontext():  # the other ranks of a training work for rank 0
        return _train(experiment, audited, folder, console, main=main, overrides=overrides)


def _train(
    experiment: Experiment,
    audited: dict[str, Any],
    folder: Path,
    console: Console,
    *,
    main: bool,
    overrides: Sequence[str] | None,
) -> dict[str, Any]:
    """Train missing folds and return the results; this process or its rank 0 holds the lock of the folder."""
    config = experiment.config
    whole = OmegaConf.to_container(OmegaConf.structured(config), resolve=True)
    assert isinstance(whole, dict)  # a dataclass always gives one
    damaged = damages(experiment, folder)
    todo = missing_folds(experiment, folder)
    if main:
        open_run_folder(experiment, folder, whole)  # type: ignore[arg-type]
        write_json(folder / run_files.LEAKS, audited)
        track(config, folder, synthetic=experiment.table.synthetic, overrides=overrides, begin=True)
        _announce(experiment, len(todo), folder, console)
        for note in damaged:
            say(console, f"note: {note}")
    with open_summary(experiment, folder) as summary:
        if main:
            log_finished(experiment, folder, [fold.name for fold in experiment.folds if fold not in todo])
        for line in train_shared(experiment, folder) if todo or damaged_stages(experiment, folder) else ():
            say(console, line)
        shown = config.trainer.progress and main
        with (
            _progress(console, enabled=shown and console.is_terminal) as bar,
            closing(train_folds(experiment, todo, folder, say=partial(say, console))) as ended,
        ):
            task = bar.add_task("folds", total=len(experiment.folds), completed=len(experiment.folds) - len(todo))
            for count, (fold, error) in enumerate(ended, len(experiment.folds) - len(todo) + 1):
                bar.advance(task)
                if error is None:
                    if shown and not console.is_terminal:
                        say(console, f"fold {count}/{len(experiment.folds)} {_outcome(fold, folder)}")
                else:
                    say(bar.console, f"fold {fold.name} failed: {error}", style="red")
        if main:
            results = collect_results(experiment, folder)
        if config.sanity:  # on every rank, for null runs train like any other
            add_null_tests(experiment, folder, partial(run_experiment, console=Console(quiet=True)))
            results = collect_results(experiment, folder) if main else {}
        if main:
            summary.end(results, folder)
    if not main:
        return {}
    console.print(unit_console_table(results) if experiment.samples.units else console_table(results))
    for failed in results["failed_folds"]:
        say(console, f"failed fold {failed['fold']}: {failed['error']}")
    lacking = sum(len(fold.test) for fold in experiment.folds) - results["data"]["scored"]
    if lacking:
        say(console, f"incomplete: {lacking} of {lacking + results['data']['scored']} clips lack a prediction")
    say(console, f"report: {(folder / run_files.REPORT).resolve()}")
    return results


def _announce(experiment: Experiment, todo: int, folder: Path, console: Console) -> None:
    """Print samples, folds and notes before training; `todo`: number of folds to train."""
    table = experiment.table
    side = max(1, min(parallel_folds(experiment.config), todo))
    say(
        console,
        f"{experiment.config.name}: {len(table)} clips of {table.subjects.nunique()} subjects ({table.name}), "
        f"{len(experiment.folds)} folds, {todo} to train, {side} side by side -> {folder}",
    )
    for note in (*experiment.notes, *stage_notes.notes(experiment)):
        say(console, f"note: {note}")


def _outcome(fold: Fold, folder: Path) -> str:
    """Return one line on a finished fold: seconds, accuracy, number of clips."""
    record = read_json(run_files.fold_folder(folder, fold.name) / run_files.FOLD)
    return f"{fold.name}: {record['seconds']:.1f} s, accuracy {record['accuracy']:.2f} on {record['test']} clips"


def _progress(console: Console, *, enabled: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, disable=not enabled)
