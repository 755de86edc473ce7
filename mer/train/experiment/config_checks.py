"""Check a whole configuration and list everything wrong with it at once, before any data are read."""

from __future__ import annotations

from mer.config import Config
from mer.errors import ConfigError
from mer.inputs import pipeline
from mer.inputs.apex import spotting
from mer.inputs.faces import crops
from mer.inputs.representations import registry as represent
from mer.models import config_errors as model_problems
from mer.models import init_problems
from mer.protocols import registry as protocols
from mer.train.experiment import leak_waivers, null_runs, selection, stage_checks
from mer.train.lightning import module
from mer.utils.plugins import load_plugins

#: What `trainer.accelerator` and `trainer.precision` may say, of what Lightning knows.
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "bf16-true", "64-true")


def check_config(config: Config) -> None:
    """Raise one ConfigError that lists every problem of the configuration, before any data are read."""
    load_plugins(config.plugins)
    found = [
        *pipeline.source_config_errors(config.data, config),
        *protocols.config_errors(config.protocol),
        *represent.config_errors(config.input, config.augment, flip=config.evaluation.flip),
        *spotting.config_errors(config.input),
        *crops.config_errors(config.face),
        *model_problems(config.model, side=config.input.size),
        *module.config_errors(config.optim),
        *module.freeze_config_errors(config.optim, config.model),
        *init_problems(config.init, config.model),
        *stage_checks.recipe_config_errors(config.optim, config),
        *stage_checks.config_errors(config),
        *_trainer_config_errors(config),
        *null_runs.config_errors(config),
        *selection.config_errors(config),
        *leak_waivers.config_errors(config.protocol),
    ]
    if found:
        raise ConfigError(found)


def _trainer_config_errors(config: Config) -> list[str]:
    found = []
    trainer, logger = config.trainer, config.logger
    for key, least in (("devices", 1), ("threads", 1), ("workers", 0), ("parallel_folds", 0)):
        if getattr(trainer, key) < least:
            found.append(f"trainer.{key}: expected at least {least}, got {getattr(trainer, key)}")
    if trainer.devices > 1 and trainer.parallel_folds > 1:
        found.append(
            "trainer.parallel_folds: expected 1 where one fold already uses several devices; use one or the other"
        )
    if trainer.accelerator not in ACCELERATORS:
        found.append(f"trainer.accelerator: expected one of {', '.join(ACCELERATORS)}, got '{trainer.accelerator}'")
    if trainer.precision not in PRECISIONS:
        found.append(f"trainer.precision: expected one of {', '.join(PRECISIONS)}, got '{trainer.precision}'")
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
