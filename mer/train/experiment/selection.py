"""Decide what chooses the epoch or recipe of a fold, and mark results whose held-out samples chose it.

Contract: with `fixed` and `inner` training gets a fold without a look at its test samples. With `leaky`, which only
shows what that would do, they choose the epoch, nothing that a search may see is recorded, and every table says so.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf.errors import OmegaConfBaseException

from mer import finished_folders
from mer.config import Config, ProtocolConfig, with_overrides
from mer.evaluation.predictions import SELECTION_COLUMN, write_predictions
from mer.inputs.representations import registry as represent
from mer.models import config_errors as model_problems
from mer.protocols.registry import Fold, decision_config_errors, selection_mode
from mer.train.experiment import stage_checks
from mer.train.lightning import optimizer
from mer.utils.atomic_files import write_json
from mer.utils.csv_files import write_csv
from mer.utils.disk_space import name_full_disk

LEAKY = "leaky"
#: Parts of the configuration that a nested search may vary: what training does, not what it is given or tested on.
SEARCHED = ("optim", "augment", "model")


def training_view(fold: Fold, protocol: ProtocolConfig) -> Fold:
    """Return the fold as training sees it. Only under `leaky` do the held-out samples choose the epoch."""
    return replace(fold, validation=fold.test) if selection_mode(protocol) == LEAKY else fold


class ResultFiles:
    """Writer of the tables and records of one folder; marks all of them if held-out samples chose the epoch.

    Args:
        folder: an existing folder.
        config: the configuration of the run; its protocol and rule of decision are read.

    Attributes:
        mode: what chose the epoch: `fixed`, `inner` or `leaky`.
    """

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder, self.mode = folder, selection_mode(config.protocol, config.decision)

    def predictions(self, name: str, table: pd.DataFrame) -> None:
        """Write a table of predictions."""
        write_predictions(self.folder / name, self._mark_table(table))

    def table(self, name: str, table: pd.DataFrame) -> None:
        """Write another table as CSV."""
        write_csv(self.folder / name, self._mark_table(table))

    def record(self, name: str, record: dict[str, Any]) -> None:
        """Write the record of a fold as JSON with `selection`; call it after all other files of the folder."""
        write_json(self.folder / name, finished_folders.seal(self.folder, name, self._mark_record(record)))

    def arrays(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        """Write arrays as `.npz`."""
        with name_full_disk(self.folder):
            np.savez_compressed(self.folder / name, selection=self.mode, **arrays)  # type: ignore[arg-type]

    def _mark_table(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the table; under `leaky` with a last column that says so and `validation_` columns renamed."""
        if self.mode != LEAKY:
            return table
        names = {name: name.replace("validation_", "held_out_") for name in table.columns}
        return table.rename(columns=names).assign(**{SELECTION_COLUMN: LEAKY})

    def _mark_record(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return the record and its members with `selection`; under `leaky` without a score that a search may use."""
        kept = {**record, "validation_uf1": None} if self.mode == LEAKY else dict(record)
        if "members" in kept:
            kept["members"] = [self._mark_record(member) for member in kept["members"]]
        return {**kept, "selection": self.mode}


def config_errors(config: Config) -> list[str]:
    """Return the errors of how epochs and recipes are chosen, one sentence each."""
    found = decision_config_errors(config.decision, config.protocol)
    if selection_mode(config.protocol) == LEAKY and config.optim.iterations is not None:
        found.append(
            "optim.iterations: expected null with protocol.selection=leaky, which chooses among whole epochs, got "
            f"{config.optim.iterations}; set optim.epochs"
        )
    for line in config.protocol.candidates:
        found += [f"protocol.candidates: {line!r}: {problem}" for problem in _candidate_config_errors(config, line)]
    return found


def _candidate_config_errors(config: Config, line: str) -> list[str]:
    """Return the errors of one recipe of a nested search, one sentence each."""
    strange = [item for item in line.split() if "=" not in item or item.partition(".")[0] not in SEARCHED]
    if strange:
        return [f"expected key=value with keys in {', '.join(SEARCHED)}, spaces between, got {' '.join(strange)}"]
    try:
        changed = with_overrides(config, line)
    except OmegaConfBaseException as error:
        return [str(error).splitlines()[0]]
    return [
        *optimizer.config_errors(changed.optim),
        *optimizer.freeze_config_errors(changed.optim, changed.model),
        *(
            line
            for line in stage_checks.frozen_config_errors(changed)
            if line not in stage_checks.frozen_config_errors(config)
        ),
        *represent.config_errors(changed.input, changed.augment),
        *model_problems(changed.model, side=changed.input.size),
    ]
