"""Command `mer run`: train and test every fold of an experiment, score the pooled predictions, write a report.

    mer run +experiment=NAME [group=choice] [key=value]    one run
    mer run -m +experiment=NAME seed=0,1,2                 a sweep: one run per value
    mer run +sweep=NAME +experiment=NAME                   a sweep of conf/sweep
    mer run resume=FOLDER                                  finishes an interrupted run or sweep

From Python call `run(config, folder)`. Exit status: 0 success, 1 some folds failed, 2 a problem that the user can solve
(printed without a traceback), 130 Ctrl-C, 143 SIGTERM.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from mer import run_files
from mer.cli import advise, guarded
from mer.compose import begin_composition, check_overrides, conf_dir, stored_config, to_config
from mer.config import Config
from mer.errors import AllFoldsFailedError, ConfigError, DamagedFileError, MerError, is_users, sentence
from mer.override_errors import plain
from mer.overrides import readable, with_output_folder
from mer.utils.atomic_files import read_json, write_json
from mer.utils.console import say_error

if TYPE_CHECKING:
    from rich.console import Console

#: Beginning of the override that names a file of `conf/sweep`.
SWEEP_FILE = "+sweep="
#: Options of Hydra that print something instead of running a job.
ASKING = ("-h", "--help", "--hydra-help", "--version", "-sc", "--shell-completion", "--info", "-i", "--cfg", "-c")


def run(
    config: Config, folder: Path, *, console: Console | None = None, overrides: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return the results of all folds, see `run_experiment`; import it late, since it needs torch."""
    from mer.train.cross_validation.run_experiment import run_experiment

    return run_experiment(config, folder, console=console, overrides=overrides)


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")
def _job(composed: DictConfig) -> float | None:
    """Run one Hydra job; return the mean UF1 of the inner splits, which a search over jobs maximises.

    A held-out score would choose on the test subjects. The inner score is not an unbiased criterion either: every test
    subject is in the inner splits of other folds. Only `protocol.candidates`, chosen within each fold, is unbiased.
    """
    hydra_config = HydraConfig.get()
    sweeping = hydra_config.mode == RunMode.MULTIRUN
    folder = Path(hydra_config.runtime.output_dir)
    advise_to_resume(
        Path(hydra_config.sweep.dir) if sweeping else folder, run_files.SWEEP if sweeping else run_files.MANIFEST
    )
    overrides = list(hydra_config.overrides.task)
    status, objective = 1, None
    try:
        (folder / run_files.ERROR).unlink(missing_ok=True)
        config = to_config(composed)
        alone = sweeping and config.trainer.devices > 1
        results = run_alone(overrides, folder) if alone else run(config, folder, overrides=overrides)
        status = 0 if results.get("complete", True) else 1
        objective = results.get("validation_uf1")
    except Exception as error:
        if not (is_users(error) or sweeping):
            raise  # a defect of ours keeps its traceback
        status = 1 if isinstance(error, AllFoldsFailedError) else 2
        if not is_users(error):
            traceback.print_exc()
        if sweeping:  # the other jobs go on; the sweep's table shows this one as failed
            write_json(
                folder / run_files.ERROR,
                {"overrides": overrides, "error": f"{type(error).__name__}: {sentence(error)}"},
            )
        say_error(error)
    if not sweeping and status:
        sys.exit(status)
    return objective


def run_alone(overrides: list[str], folder: Path) -> dict[str, Any]:
    """Run one job of a sweep as a plain run in a new process; return its results.

    Why: Lightning starts the command line again for each further device, and that of a sweep would start the whole
    sweep.
    """
    own = [one for one in overrides if not one.startswith(SWEEP_FILE)]
    command = [sys.executable, "-m", "mer.run", *own, f"hydra.run.dir={folder}"]
    results = folder / run_files.RESULTS
    before = results.stat().st_mtime_ns if results.is_file() else None
    with subprocess.Popen(command) as job:
        try:
            status = job.wait()
        except BaseException:  # of a signal; the job ends its own processes
            job.terminate()
            job.wait()
            raise
    written = results.is_file() and results.stat().st_mtime_ns != before
    # 0 and 1 (some folds failed) are the ends that leave results; a defect ends with 1 too, beside those of before
    if status not in (0, 1) or (status == 1 and not written):
        raise MerError(f"the job in {folder} ended with status {status}; its messages stand above")
    return read_json(results) if written else {}


def resume(folder: Path, overrides: list[str]) -> int:
    """Finish a run with the configuration in its folder; return the exit status.

    Args:
        folder: the run's folder.
        overrides: options that do not change results, e.g. `trainer.parallel_folds=2`; others raise MerError.
    """
    advise_to_resume(folder, run_files.MANIFEST)
    config = stored_config(folder, overrides)
    try:
        results = run(config, folder)
    except AllFoldsFailedError as error:
        say_error(error)
        return 1
    return 0 if results.get("complete", True) else 1


def stored_overrides(folder: Path) -> list[str]:
    """Return the overrides of a sweep; raise DamagedFileError if `sweep.json` cannot be read."""
    found = read_json(folder / run_files.SWEEP).get("overrides")
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise DamagedFileError(
            f"{folder / run_files.SWEEP}: expected a list of overrides, got another content: give the sweep's command "
            f"again, with hydra.sweep.dir={folder}"
        )
    return found


def advise_to_resume(folder: Path, file: str) -> None:
    """Let a signal print the command that continues a run or a sweep, once the folder holds the file which it needs."""
    text = f"and this goes on with what is missing: mer run resume={shlex.quote(str(folder))}"
    advise(text, needs=folder / file)


@guarded
def main() -> int:
    """Entry point of `python -m mer.run`, `mer run` and `mer-run`."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    # Hydra raises its errors, and we print them in our words
    os.environ["HYDRA_FULL_ERROR"] = "1"
    arguments = sys.argv[1:]
    if not arguments:  # nobody means five minutes of training by that
        begin_composition([])
        sys.argv.append("--help")
        with suppress(SystemExit):
            _job()
        return 2
    if any(one.startswith(SWEEP_FILE) for one in arguments):  # a file of conf/sweep says what varies
        arguments = ["-m", *(one for one in arguments if one not in ("-m", "--multirun"))]
    sweep = bool({"-m", "--multirun"} & set(arguments))
    folders = [one.partition("=")[2] for one in arguments if one.startswith("resume=")]
    if folders:
        others = [one for one in arguments if not one.startswith("resume=")]
        if not folders[-1].strip():
            raise MerError("resume: expected the folder of a run or a sweep, got an empty name: resume=FOLDER")
        folder = Path(folders[-1]).expanduser()
        if not (folder / run_files.SWEEP).is_file():
            return resume(folder, others)
        arguments, sweep = ["-m", *stored_overrides(folder), *others], True
        arguments.append(f"hydra.sweep.dir={folder}")
    if not set(ASKING) & {one.partition("=")[0] for one in arguments}:
        arguments = readable(arguments, sweep=sweep)
        check_overrides([one for one in arguments if not one.startswith("-")], sweep=sweep)
        arguments = with_output_folder(arguments, sweep=sweep)
    sys.argv[1:] = arguments
    try:
        begin_composition(arguments)
        _job()
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError([plain(error)]) from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
