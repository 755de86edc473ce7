"""Check the initial weights of a run before any training.

Contract: fills networks that are not kept, and writes nothing. All errors are listed at once: a file that does not fit,
a zero-shot network with random parts, and frozen levels that nothing trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from mer.config import AttentionConfig, Config, ModelConfig, OptimConfig, with_overrides
from mer.errors import ConfigError
from mer.inputs.prepared_samples import PreparedSamples
from mer.models import RecognitionNetwork
from mer.models.attention import attention_factory
from mer.models.pretrained.load_report import LoadReport
from mer.train.experiment.experiment import Experiment
from mer.train.fold.train_stage import stage_config
from mer.train.lightning.module import RecognitionModule

#: Keys of `card["input"]` that must equal the run's own if the network is tested without training.
INPUT = ("representation", "size")


def check(experiment: Experiment) -> list[str]:
    """Return sentences on the initial weights of the first training (in a nested search: of the first candidate).

    Raises:
        ConfigError: lists frozen levels that are random, and why a network cannot be tested without training.
        MerError: if the file cannot be read or holds another network.
    """
    if experiment.config.init.name == "random":
        return ["all weights are drawn at random"]
    told: list[LoadReport] = []
    found: list[str] = []
    for key, samples, config in _first_trainings(experiment):
        module = RecognitionModule(samples, config)
        assert module.load_report is not None  # there is one wherever `init` is looked at
        told.append(module.load_report)
        found += [f"{key}{line}" for line in frozen_config_errors(told[-1], module.network, config.optim)]
        if not experiment.stages and not all(fold.train for fold in experiment.folds):
            found += zero_shot_config_errors(told[-1], config)
    if found:
        raise ConfigError(found)
    return list(told[0].sentences)


def _first_trainings(experiment: Experiment) -> Iterator[tuple[str, PreparedSamples, Config]]:
    """Yield (key prefix, samples, configuration) of the first training: a stage, each candidate, or the folds."""
    config = experiment.config
    if experiment.stages:
        first = experiment.stages[0]
        yield f"stages.{first.name}.", first.samples, stage_config(config, first)
        return
    for line in config.protocol.candidates:
        yield f"protocol.candidates: {line!r}: ", experiment.samples, with_overrides(config, line)
    if not config.protocol.candidates:
        yield "", experiment.samples, config


def frozen_config_errors(told: LoadReport, network: RecognitionNetwork, optim: OptimConfig) -> list[str]:
    """Return the errors of frozen levels that are random, or that were trained without their attention units."""
    found = []
    drawn = [name for name in told.drawn if not name.startswith("data_norm.")]  # this one is fixed, nothing learns it
    frozen = [name for name in drawn if network.level_of(name) < optim.freeze]
    units = [name for name in told.new_units if network.level_of(name) < optim.freeze]
    if frozen or units:
        found.append(
            f"optim.freeze: expected levels that the file fills, got {optim.freeze}: "
            f"{_listed(dict.fromkeys([*frozen, *units]))} are random or new between trained "
            "weights, so they must not be frozen; lower optim.freeze, or train them in a stage before"
        )
    return found


def zero_shot_config_errors(told: LoadReport, config: Config) -> list[str]:
    """Return the errors of a network that is tested without training but differs from that of the file."""
    here, there = _function(config.model), {} if told.model is None else _function(told.model)
    why = "as the file has it, whose network is tested without any training"
    found = [f"{key}: expected {there[key]} {why}, got {here[key]}" for key in there if there[key] != here[key]]
    learned = told.card.get("input") or {}
    found += [
        f"input.{key}: expected {learned[key]} {why}, got {getattr(config.input, key)}"
        for key in INPUT
        if key in learned and learned[key] != getattr(config.input, key)
    ]
    strange = dict.fromkeys([*told.drawn, *told.new_units])
    if strange and not found:
        found.append(
            f"init.path: expected all weights of a network that is tested without any training, {_listed(strange)} "
            "would stay as drawn at random; set model and input as the file has them, or train"
        )
    return found


def _function(model: ModelConfig) -> dict[str, Any]:
    """Return the options that decide what a trained network computes: not dropout, not details of a unit."""
    plain = {f"model.{key}": value for key, value in asdict(model).items() if key not in ("dropout", "attention")}
    return {**plain, **{f"model.attention.{key}": value for key, value in _places(model.attention).items()}}


def _places(attention: AttentionConfig) -> dict[str, Any]:
    if attention_factory(attention) is None:
        return {"unit": "none", "stages": [], "options": {}}
    return {
        "unit": attention.unit,
        "stages": sorted(set(attention.stages)),
        "options": attention.options,
    }


def _listed(names: dict[str, None]) -> str:
    """Return the modules of these tensors; only the first three by name."""
    parts = list(dict.fromkeys(_module(name) for name in names))
    return ", ".join(parts[:3]) + (f" and {len(parts) - 3} more" if len(parts) > 3 else "")


def _module(name: str) -> str:
    before, unit, _ = f"{name}.".partition(".attention.")
    return f"{before}.attention" if unit else name.rpartition(".")[0] or name
