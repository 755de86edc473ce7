"""The main job: `python -m mer.run +experiment=samm_loso` trains and tests every fold, pools, scores, reports.

`main` is the thin Hydra end; `run(config, folder)` is the job itself, for use from Python. Exit status: 0 well, 1 some
folds failed, 2 a problem that the user can solve (printed without a traceback).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mer.config import DATA_SCHEMAS, Config
from mer.errors import ConfigError, MerError
from mer.evaluation import files
from mer.evaluation.results import console_table
from mer.provenance import write_json
from mer.train.crossval import is_main_process, missing_folds, parallel_folds, train_folds
from mer.train.dryrun import describe
from mer.train.runfolder import claim, collect
from mer.train.study import Study, check, load_study
from mer.train.tracking import open_tracker


def conf_dir() -> Path:
    """Absolute folder of the configuration files: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


def register_schema() -> None:
    """Give Hydra the dataclasses of `mer.config`, so that a typo or a wrong type dies at composition."""
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    for name, node in DATA_SCHEMAS.items():
        store.store(group="data", name=f"schema_{name}", node=node)


def run(config: Config, folder: Path, *, console: Console | None = None) -> dict[str, Any]:
    """Results of all folds of a configuration; what is already in `folder` is kept, what is missing is trained.

    Args:
        config: what to do.
        folder: the run's folder, drawn in `mer.evaluation.files`.
        console: where to show progress and tables; None for standard output.

    Raises:
        MerError: a problem that the user can solve.
    """
    console = console or Console(quiet=not is_main_process())
    check(config)
    study = load_study(config, progress=config.trainer.progress and is_main_process())
    if config.dry_run:
        describe(study, console)
        return {}
    whole = OmegaConf.to_container(OmegaConf.structured(config), resolve=True)
    assert isinstance(whole, dict)  # a dataclass always gives one
    todo = missing_folds(study, folder)
    if is_main_process():
        claim(study, folder, whole)  # type: ignore[arg-type]
        _announce(study, len(todo), folder, console)
    with open_tracker(config, folder, whole, enabled=is_main_process()) as tracker:  # type: ignore[arg-type]
        for fold in study.folds:
            if fold not in todo:
                tracker.fold(fold, files.fold_folder(folder, fold.name))
        with _progress(console, enabled=config.trainer.progress and is_main_process()) as bar:
            task = bar.add_task("folds", total=len(study.folds), completed=len(study.folds) - len(todo))
            for fold, error in train_folds(study, todo, folder):
                bar.advance(task)
                if error is None:
                    tracker.fold(fold, files.fold_folder(folder, fold.name))
                else:
                    bar.console.print(f"[red]fold {fold.name} failed:[/red] {error}", highlight=False)
        if not is_main_process():
            return {}
        results = collect(study, folder)
        tracker.summary(results, folder)
    console.print(console_table(results))
    console.print(f"report: {(folder / files.REPORT).resolve()}", soft_wrap=True, highlight=False)
    return results


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")
def _job(composed: DictConfig) -> float | None:
    """One job of Hydra: returns the sweep objective, the mean score of the inner splits, never a held-out one."""
    hydra_config = HydraConfig.get()
    sweeping = hydra_config.mode == RunMode.MULTIRUN
    folder = Path(hydra_config.runtime.output_dir)
    status, objective = 1, None
    try:
        config = to_config(composed)
        if sweeping and config.trainer.devices > 1:
            results = run_alone(list(hydra_config.overrides.task), folder)
        else:
            results = run(config, folder)
        status = 1 if results.get("failed_folds") else 0
        objective = results.get("validation_uf1")
    except MerError as error:
        status = 2
        if sweeping:  # the other jobs go on; the sweep's table shows this one as failed
            write_json(folder / files.ERROR, {"overrides": list(hydra_config.overrides.task), "error": str(error)})
        Console(stderr=True).print(f"[bold red]mer:[/bold red] {error}", soft_wrap=True, highlight=False)
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
    if not (folder / files.RESULTS).is_file():
        raise MerError(f"the job in {folder} ended with status {status} and left no results; its messages stand above")
    return dict(json.loads((folder / files.RESULTS).read_text(encoding="utf-8")))


def to_config(composed: DictConfig) -> Config:
    """The composed configuration as plain dataclasses; a value still missing is a ConfigError that names its key."""
    missing = sorted(OmegaConf.missing_keys(composed))
    if missing:
        raise ConfigError(f"{key}: a value is needed, e.g. {key}=..." for key in missing)
    try:
        config = OmegaConf.to_object(composed)
    except (OmegaConfBaseException, MissingMandatoryValue) as error:
        raise ConfigError([str(error)]) from error
    assert isinstance(config, Config)  # the schema stands first in the defaults list
    return config


def _announce(study: Study, todo: int, folder: Path, console: Console) -> None:
    table = study.table
    side = parallel_folds(study.config)
    console.print(
        f"{study.config.name}: {len(table)} clips of {table.subjects.nunique()} subjects ({table.name}), "
        f"{len(study.folds)} folds, {todo} to train, {side} side by side -> {folder}",
        soft_wrap=True,
        highlight=False,
    )
    for note in table.notes:
        console.print(f"note: {note}", soft_wrap=True, highlight=False)


def _progress(console: Console, *, enabled: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, disable=not enabled)


def main() -> None:
    """Entry point of `python -m mer.run` and `mer-run`."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    register_schema()
    _job()


if __name__ == "__main__":
    main()
