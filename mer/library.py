"""Load a configuration and run a whole experiment from Python: `mer.load_config`, `mer.run_experiment`.

Contract: works in a notebook, and in a script without `if __name__ == "__main__"`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from mer import compose
from mer.config import Config
from mer.run import run
from mer.train.experiment.config_checks import check_config


def load_config(*overrides: str) -> Config:
    """Return the checked configuration for overrides as on the command line, e.g. `"+experiment=synthetic_loso"`.

    Raises:
        ConfigError: lists all errors, before any data are read.
    """
    config = compose.load_config(overrides)
    check_config(config)
    return config


def run_experiment(config: Config, folder: str | Path, *, quiet: bool = False) -> dict[str, Any]:
    """Train and test all folds, and write predictions, scores and a report into `folder`.

    Finished folds are kept, so the same call continues after an interruption. Folds are trained one after another in
    this process, unless `trainer.parallel_folds` (or `trainer.devices`) is 2 or more.

    Args:
        config: the configuration.
        folder: the run's folder.
        quiet: whether to print nothing.

    Returns:
        The content of `results.json`.

    Raises:
        MerError: if the configuration, the data or the folder cannot be used; the text says what to do.
    """
    trainer = replace(config.trainer, parallel_folds=config.trainer.parallel_folds or 1)
    if quiet:
        trainer = replace(trainer, progress=False)
    return run(
        replace(config, trainer=trainer), Path(folder).expanduser(), console=Console(quiet=True) if quiet else None
    )
