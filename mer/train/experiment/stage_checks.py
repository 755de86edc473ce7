"""Check the configuration of pretraining stages and co-training.

Contract: looks at the configuration only, reads no data; one sentence a key, the key first.
"""

from __future__ import annotations

import re

from mer.config import Config, OptimConfig
from mer.config_check import limit_errors
from mer.inputs.pipeline import source_config_errors
from mer.inputs.representations import registry as represent
from mer.train.lightning import optimizer

#: What a stage may be called: it becomes a folder.
NAME = re.compile(r"[A-Za-z0-9_]{1,40}")


def config_errors(config: Config) -> list[str]:
    """Return the errors of `stages` and `cotrain`, and of a protocol that trains nothing, one sentence each."""
    found = []
    for name, stage in config.stages.items():
        where = f"stages.{name}"
        if not NAME.fullmatch(name):
            found.append(f"stages: expected names of letters, digits and _, up to 40, got {name!r}")
        found += _under(where, source_config_errors(stage.data, config))
        augment = represent.config_errors(config.input, stage.augment)
        found += _under(where, [line for line in augment if line.startswith("augment.")])
        frozen = optimizer.freeze_config_errors(stage.optim, config.model)
        found += _under(
            where, [*optimizer.config_errors(stage.optim), *frozen, *recipe_config_errors(stage.optim, config)]
        )
    found += limit_errors(config.cotrain, "cotrain")
    if config.cotrain.data is not None:
        found += _under("cotrain", source_config_errors(config.cotrain.data, config))
    if config.protocol.name == "zero_shot" and not config.stages and config.init.name != "file":
        found.append(
            "protocol.name: expected stages or init.path with zero_shot, got neither: nothing would have been trained"
        )
    if config.protocol.name == "zero_shot" and config.cotrain.data is not None:
        found.append("cotrain.data: expected null with protocol.name=zero_shot, which trains nothing in its fold")
    found += frozen_config_errors(config)
    if config.stages and any("model." in line for line in config.protocol.candidates):
        found.append(
            "protocol.candidates: expected no overrides of model with stages, got some: the stages train one network, "
            "whose weights fit no other"
        )
    return found


def frozen_config_errors(config: Config) -> list[str]:
    """Return an error if the first training of a run would freeze randomly initialised levels."""
    if config.init.name != "random":
        return []
    where, optim = next(((f"stages.{name}.", stage.optim) for name, stage in config.stages.items()), ("", config.optim))
    found = []
    if optim.freeze > 0:
        found.append(
            f"{where}optim.freeze: expected 0 where nothing was learned before, got {optim.freeze}: the frozen levels "
            "would stay as they were drawn at random; set init.path or a stage before it"
        )
    return found


def recipe_config_errors(optim: OptimConfig, config: Config) -> list[str]:
    """Return the errors of a recipe that does not fit the run's devices or inner split."""
    found = []
    devices, batch = config.trainer.devices, optim.batch_size
    if devices > 1 and (batch % devices or batch < 2 * devices):
        found.append(f"optim.batch_size: expected a multiple of trainer.devices={devices}, at least twice, got {batch}")
    if devices > 1 and optim.balance == "weighted":
        found.append(
            f"optim.balance: expected none or oversample with several devices, got {optim.balance}: each device would "
            "divide by the weights of its own share"
        )
    if config.protocol.validation and optim.iterations is not None:
        found.append(
            "optim.iterations: expected null with protocol.validation, got "
            f"{optim.iterations}: the inner split chooses among whole epochs, so set optim.epochs"
        )
    return found


def _under(where: str, lines: list[str]) -> list[str]:
    """Put `where` before the keys of errors; those of `input` are the run's own and stay as they are."""
    return [line if line.startswith("input.") else f"{where}.{line}" for line in lines]
