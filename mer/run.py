"""The main job: `python -m mer.run +experiment=samm_loso` trains and tests every fold, pools, scores, reports.

`main` is the thin Hydra end; `run(config, folder)` is the job itself, for use from Python. Exit status: 0 well, 1 some
folds failed, 2 a problem that the user can solve (printed without a traceback).
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mer import run_files
from mer.compose import begin_composition, conf_dir, to_config
from mer.config import Config
from mer.errors import AllFoldsFailedError, MerError
from mer.evaluation.report.console import console_table
from mer.train.cross_validation import initial_weights_check, stage_notes
from mer.train.cross_validation.dry_run import describe
from mer.train.cross_validation.run_folder import collect_results, open_run_folder
from mer.train.cross_validation.run_lock import lock_run_folder
from mer.train.cross_validation.sanity_checks import add_null_tests
from mer.train.cross_validation.train_folds import is_main_process, missing_folds, parallel_folds, train_folds
from mer.train.cross_validation.wandb_tracking import open_tracker
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import Experiment, load_experiment
from mer.train.experiment.picture_consent import may_show_inputs
from mer.train.fold.pretraining import train_shared
from mer.train.leaks import audit as leaks
from mer.utils.atomic_files import read_json, write_json
from mer.utils.console import say, say_error


def run(config: Config, folder: Path, *, console: Console | None = None) -> dict[str, Any]:
    """Results of all folds of a configuration; what is already in `folder` is kept, what is missing is trained.

    Args:
        config: what to do.
        folder: the run's folder, drawn in `mer.run_files`.
        console: where to show progress and tables; None for standard output.

    Raises:
        MerError: a problem that the user can solve.
    """
    check_config(config)
    main = is_main_process(config)
    console = console or Console(quiet=not main)
    experiment = load_experiment(config, progress=config.trainer.progress and main)
    origin = initial_weights_check.check(experiment)
    audited = leaks.audit_leaks(experiment)
    if config.dry_run:
        describe(experiment, console, origin=origin)
        return {}
    with lock_run_folder(folder) if main else nullcontext():  # the other ranks of a training work for rank 0
        return _train(experiment, audited, folder, console, main=main)


def _train(
    experiment: Experiment, audited: dict[str, Any], folder: Path, console: Console, *, main: bool
) -> dict[str, Any]:
    """Results of a study in a folder that this process, or rank 0 for it, holds; arguments as in `run`."""
    config = experiment.config
    whole = OmegaConf.to_container(OmegaConf.structured(config), resolve=True)
    assert isinstance(whole, dict)  # a dataclass always gives one
    todo = missing_folds(experiment, folder)
    if main:
        open_run_folder(experiment, folder, whole)  # type: ignore[arg-type]
        write_json(folder / run_files.LEAKS, audited)
        _announce(experiment, len(todo), folder, console)
    media = may_show_inputs(experiment, asked=config.logger.media)
    synthetic = experiment.table.synthetic
    with open_tracker(config, folder, whole, synthetic=synthetic, media=media, enabled=main) as tracker:  # type: ignore[arg-type]
        for fold in experiment.folds:
            if fold not in todo:
                tracker.fold(fold, run_files.fold_folder(folder, fold.name))
        for line in train_shared(experiment, folder) if todo else ():
            say(console, line)
        with _progress(console, enabled=config.trainer.progress and main) as bar:
            task = bar.add_task("folds", total=len(experiment.folds), completed=len(experiment.folds) - len(todo))
            for fold, error in train_folds(experiment, todo, folder):
                bar.advance(task)
                if error is None:
                    tracker.fold(fold, run_files.fold_folder(folder, fold.name))
                else:
                    say(bar.console, f"fold {fold.name} failed: {error}", style="red")
        if main:
            results = collect_results(experiment, folder)
            tracker.summary(results, folder)
    if config.sanity:  # on every rank, for null runs train like any other
        add_null_tests(experiment, folder, partial(run, console=Console(quiet=True)))
        results = collect_results(experiment, folder) if main else {}
    if not main:
        return {}
    console.print(console_table(results))
    for failed in results["failed_folds"]:
        say(console, f"failed fold {failed['fold']}: {failed['error']}")
    say(console, f"report: {(folder / run_files.REPORT).resolve()}")
    return results


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")
def _job(composed: DictConfig) -> float | None:
    """One job of Hydra: returns the sweep objective, the mean score of the inner splits, never a held-out one.

    No clean choice among jobs for all that: whom one fold tests is in the inner splits of the others.
    """
    hydra_config = HydraConfig.get()
    sweeping = hydra_config.mode == RunMode.MULTIRUN
    folder = Path(hydra_config.runtime.output_dir)
    status, objective = 1, None
    (folder / run_files.ERROR).unlink(missing_ok=True)
    try:
        config = to_config(composed)
        if sweeping and config.trainer.devices > 1:
            results = run_alone(list(hydra_config.overrides.task), folder)
        else:
            results = run(config, folder)
        status = 1 if results.get("failed_folds") else 0
        objective = results.get(config.objective)
    except Exception as error:
        expected = isinstance(error, MerError) or (isinstance(error, OSError) and error.filename is not None)
        if not (expected or sweeping):
            raise  # a defect of ours keeps its traceback
        status = 1 if isinstance(error, AllFoldsFailedError) else 2
        if not expected:
            traceback.print_exc()
        if sweeping:  # the other jobs go on; the sweep's table shows this one as failed
            reason = {"overrides": list(hydra_config.overrides.task), "error": f"{type(error).__name__}: {error}"}
            write_json(folder / run_files.ERROR, reason)
        say_error(error)
    if not sweeping and status:
        sys.exit(status)
    return objective


def run_alone(overrides: list[str], folder: Path) -> dict[str, Any]:
    """Results of one job of a sweep that runs as a plain run in a process of its own.

    Why: for several devices Lightning starts this program's command line once more for each, and a sweep's command line
    would start the whole sweep.
    """
    command = [sys.executable, "-m", "mer.run", *overrides, f"hydra.run.dir='{folder}'"]
    status = subprocess.run(command, check=False).returncode
    results = folder / run_files.RESULTS
    if status not in (0, 1):  # 0 and 1 (some folds failed) are the ends that leave results
        raise MerError(f"the job in {folder} ended with status {status}; its messages stand above")
    return read_json(results) if results.is_file() else {}


def _announce(experiment: Experiment, todo: int, folder: Path, console: Console) -> None:
    table = experiment.table
    side = max(1, min(parallel_folds(experiment.config), todo))
    say(
        console,
        f"{experiment.config.name}: {len(table)} clips of {table.subjects.nunique()} subjects ({table.name}), "
        f"{len(experiment.folds)} folds, {todo} to train, {side} side by side -> {folder}",
    )
    for note in (*experiment.notes, *stage_notes.notes(experiment)):
        say(console, f"note: {note}")


def _progress(console: Console, *, enabled: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, disable=not enabled)


def unreadable(arguments: Sequence[str]) -> str | None:
    """What to do about the first override that Hydra's grammar cannot read; None where it reads all of them."""
    parser = OverridesParser.create()
    for argument in arguments:
        key, sign, value = argument.partition("=")
        if sign and not key.startswith("-"):
            try:
                parser.parse_override(argument)
            except HydraException:
                return f"{argument} cannot be read: quote its value, within quotes of the shell: \"{key}='{value}'\""
    return None


def main() -> None:
    """Entry point of `python -m mer.run` and `mer-run`."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    problem = unreadable(sys.argv[1:])
    if problem is None:
        try:
            begin_composition(sys.argv[1:])
        except MerError as error:
            problem = str(error)
    if problem is not None:
        say_error(problem)
        sys.exit(2)
    _job()


if __name__ == "__main__":
    main()
