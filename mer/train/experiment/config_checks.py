"""Check a whole configuration and list everything wrong with it at once, before any data are read."""

from __future__ import annotations

import torch

from mer.config import PRECISIONS, Config, TrainerConfig
from mer.config_check import limit_errors
from mer.errors import ConfigError
from mer.inputs import pipeline, registration
from mer.inputs.apex import spotting
from mer.inputs.faces import crops
from mer.inputs.representations import registry as represent
from mer.models import config_errors as model_problems
from mer.models import init_config_errors
from mer.protocols import registry as protocols
from mer.provenance import available_cores
from mer.train.experiment import leak_waivers, null_runs, selection, stage_checks, task
from mer.train.lightning import optimizer
from mer.train.loggers import choice as loggers
from mer.utils.plugins import load_plugins


def check_config(config: Config) -> None:
    """Raise one ConfigError that lists every problem of the configuration, before any data are read."""
    load_plugins(config.plugins)
    found = [
        *pipeline.source_config_errors(config.data, config),
        *protocols.config_errors(config.protocol),
        *represent.config_errors(config.input, config.augment, flip=config.evaluation.flip),
        *spotting.config_errors(config.input),
        *registration.config_errors(config.input),
        *crops.config_errors(config.face),
        *model_problems(config.model, side=config.input.size),
        *optimizer.config_errors(config.optim),
        *optimizer.freeze_config_errors(config.optim, config.model),
        *init_config_errors(config.init, config.model),
        *stage_checks.recipe_config_errors(config.optim, config),
        *stage_checks.config_errors(config),
        *_trainer_config_errors(config),
        *null_runs.config_errors(config),
        *selection.config_errors(config),
        *task.config_errors(config),
        *leak_waivers.config_errors(config.protocol),
    ]
    if found:
        raise ConfigError(found)


def _trainer_config_errors(config: Config) -> list[str]:
    """Return what is wrong with the options at the top, of the hardware, the evaluation and the logger."""
    hardware = limit_errors(config.trainer, "trainer")
    return [
        *limit_errors(config, ""),
        *(hardware or device_errors(config.trainer)),
        *limit_errors(config.evaluation, "evaluation"),
        *loggers.config_errors(config.logger),
        *_file_config_errors(config),
    ]


def _file_config_errors(config: Config) -> list[str]:
    """Return what is wrong with the cache's folder and with the files that a run keeps."""
    found = pipeline.cache_config_errors(config)
    if not config.name.strip(" .") or not set(config.name).isdisjoint('/\\:*?"<>|') or not config.name.isprintable():
        found.append(f"name: expected the name of a folder, without slashes and colons, got {config.name!r}")
    if config.sanity and config.trainer.keep_checkpoints != "all":
        found.append(
            "trainer.keep_checkpoints: expected all with sanity=true, whose probe of identity reads the networks of "
            f"several folds, got {config.trainer.keep_checkpoints!r}"
        )
    return found


def device_errors(trainer: TrainerConfig) -> list[str]:
    """Return what of `trainer` this machine does not have, and what its options contradict."""
    gpus, mps = torch.cuda.device_count(), torch.backends.mps.is_available()
    present = {"auto", "cpu", *(["gpu", "cuda"] if gpus else []), *(["gpu", "mps"] if mps else [])}
    if trainer.accelerator not in present:
        fits = ", ".join(sorted(present))
        return [f"trainer.accelerator: expected one of {fits} on this machine, got {trainer.accelerator!r}: take auto"]
    found = []
    on_cpu = trainer.accelerator == "cpu" or not (gpus or mps)
    on_cuda = bool(gpus) and trainer.accelerator in ("auto", "gpu", "cuda")
    most, kind = (available_cores(), "CPU cores") if on_cpu else (max(gpus, 1), "GPUs")
    if trainer.devices > max(most, 2 if on_cpu else 1):  # two processes on one core are slow, and how DDP is tried
        found.append(f"trainer.devices: expected 1 to {most}, the {kind} of this machine, got {trainer.devices}")
    if trainer.devices > 1 and trainer.parallel_folds > 1:
        found.append(
            "trainer.parallel_folds: expected 1 where one fold already uses several devices, got "
            f"{trainer.parallel_folds}: use one or the other"
        )
    no_bf16 = on_cuda and not torch.cuda.is_bf16_supported()
    lacking = {
        "16-mixed": on_cpu,
        "bf16-mixed": no_bf16,
        "bf16-true": no_bf16,
        "64-true": not on_cpu and not on_cuda,
    }
    if lacking.get(trainer.precision, False):
        fits = ", ".join(name for name in PRECISIONS if not lacking.get(name, False))
        found.append(f"trainer.precision: expected one of {fits} on this device, got {trainer.precision!r}")
    return found
