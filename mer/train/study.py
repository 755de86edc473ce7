"""What all folds of one run share: the table of samples, the decoded pixels, the folds.

Contract: `load_study` is a function of the configuration alone, so that any process on any machine gets the same study.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer.config import Config
from mer.corpus import catalog
from mer.corpus.samples import SampleTable
from mer.errors import ConfigError
from mer.inputs import represent
from mer.inputs.frames import pixel_cache
from mer.models import problems as model_problems
from mer.protocols import folds as protocols
from mer.protocols.folds import Fold, make_folds, protocol_notes
from mer.train import module, nulls, selection

#: What `trainer.accelerator` and `trainer.precision` may say, of what Lightning knows.
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "bf16-true", "64-true")


@dataclass(frozen=True)
class Study:
    """One configuration with its data.

    Attributes:
        config: the configuration.
        table: one row a clip.
        pixels: network inputs (N, C, H, W), row i for row i of the table; a read-only memory map.
        folds: who is tested on whom.
    """

    config: Config
    table: SampleTable
    pixels: np.ndarray
    folds: tuple[Fold, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the loader did to the samples, and what the protocol makes of them; one sentence each."""
        return (*self.table.notes, *protocol_notes(self.table, self.config.protocol, list(self.folds)))

    def fold(self, name: str) -> Fold:
        """The fold of that name."""
        return next(fold for fold in self.folds if fold.name == name)


def check(config: Config) -> None:
    """Raise one ConfigError that lists every problem of the configuration, before any data are read."""
    found = [
        *catalog.problems(config.data),
        *protocols.problems(config.protocol),
        *represent.problems(config.input, config.augment, flip=config.evaluation.flip),
        *model_problems(config.model, side=config.input.size),
        *module.problems(config.optim),
        *module.freeze_problems(config.optim, config.model),
        *_trainer_problems(config),
        *nulls.problems(config),
        *selection.problems(config),
    ]
    if found:
        raise ConfigError(found)


def load_study(config: Config, *, progress: bool = False) -> Study:
    """The study of a configuration; draws or reads samples and fills the pixel cache where that was not done yet."""
    cache = Path(config.cache_dir).expanduser()
    table = catalog.load(config.data, cache)
    folds = make_folds(table, config.protocol, config.seed)
    pixels = pixel_cache(nulls.shown(table, config), config.input, cache, progress=progress)
    return Study(config=config, table=table, pixels=pixels, folds=tuple(folds))


def _trainer_problems(config: Config) -> list[str]:
    found = []
    trainer, logger, batch = config.trainer, config.logger, config.optim.batch_size
    for key, least in (("devices", 1), ("threads", 1), ("workers", 0), ("parallel_folds", 0)):
        if getattr(trainer, key) < least:
            found.append(f"trainer.{key}: expected at least {least}, got {getattr(trainer, key)}")
    if trainer.devices > 1 and (batch % trainer.devices or batch < 2 * trainer.devices):
        found.append(
            f"optim.batch_size: expected a multiple of trainer.devices={trainer.devices}, at least twice, got {batch}"
        )
    if trainer.devices > 1 and trainer.parallel_folds > 1:
        found.append(
            "trainer.parallel_folds: expected 1 where one fold already uses several devices; use one or the other"
        )
    if trainer.devices > 1 and config.optim.balance in ("weighted", "effective"):
        found.append(
            f"optim.balance: expected none or oversample with several devices, got {config.optim.balance}: each device "
            "would divide by the weights of its own share"
        )
    if trainer.accelerator not in ACCELERATORS:
        found.append(f"trainer.accelerator: expected one of {', '.join(ACCELERATORS)}, got '{trainer.accelerator}'")
    if trainer.precision not in PRECISIONS:
        found.append(f"trainer.precision: expected one of {', '.join(PRECISIONS)}, got '{trainer.precision}'")
    if config.protocol.validation and config.optim.iterations is not None:
        found.append(
            "optim.iterations: expected null with protocol.validation, got "
            f"{config.optim.iterations}: the inner split chooses among whole epochs, so set optim.epochs"
        )
    for key, least in (("bootstrap", 1), ("random_draws", 1), ("attention_samples", 0)):
        if getattr(config.evaluation, key) < least:
            found.append(f"evaluation.{key}: expected at least {least}, got {getattr(config.evaluation, key)}")
    if logger.name not in ("csv", "wandb"):
        found.append(f"logger.name: expected csv or wandb, got '{logger.name}'")
    if logger.mode not in ("offline", "online", "disabled"):
        found.append(f"logger.mode: expected offline, online or disabled, got '{logger.mode}'")
    if config.members < 1:
        found.append(f"members: expected at least 1, got {config.members}")
    if config.seed < 0:
        found.append(f"seed: expected 0 or above, got {config.seed}")
    return found
