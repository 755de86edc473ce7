"""What `import mer` offers beyond the names of the rooms: a configuration, and a whole experiment in one call.

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
    """Return the checked configuration of overrides as on the command line, e.g. `"+experiment=synthetic_loso"`.

    Raises:
        ConfigError: lists everything that is wrong, before any data are read.
    """
    config = compose.load_config(overrides)
    check_config(config)
    return config


def run_experiment(config: Config, folder: str | Path, *, quiet: bool = False) -> dict[str, Any]:
    """Train and test all folds, and write predictions, scores and a report into `folder`.

    What a call before has finished there is kept, so that the same call goes on after an interruption. Folds are
    trained in this process, one after the other, unless `trainer.parallel_folds` (or `trainer.devices`) is set to 2 or
    more.

    Args:
        config: what to do.
        folder: the run's own.
        quiet: whether nothing is printed.

    Returns:
        The content of `results.json`.

    Raises:
        MerError: a problem that the user can solve.
    """
    trainer = replace(config.trainer, parallel_folds=config.trainer.parallel_folds or 1)
    if quiet:
        trainer = replace(trainer, progress=False)
    return run(
        replace(config, trainer=trainer), Path(folder).expanduser(), console=Console(quiet=True) if quiet else None
    )
