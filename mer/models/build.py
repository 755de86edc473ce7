"""Build the network of a configuration with `build`; check the configuration with `config_errors`.

Contract: `config_errors` returns all errors at once, and `build` raises on any of them. The initial weights come from
torch's global generator, so seed it first.
"""

from __future__ import annotations

import copy
from dataclasses import fields
from typing import Any, TypeVar

from torch import nn

from mer.config import ModelConfig
from mer.config_check import limit_errors
from mer.errors import ConfigError
from mer.models.attention import MicroAttention, unit_errors
from mer.models.backbones.registry import BACKBONES, PASSED
from mer.models.network import RecognitionNetwork
from mer.utils.registry import option_errors

Network = TypeVar("Network", bound=RecognitionNetwork)


def config_errors(model: ModelConfig, *, side: int | None = None) -> list[str]:
    """Return the errors in the configuration of a network, one sentence per key; empty if there are none.

    Args:
        model: the configuration.
        side: side of the input in pixels; None skips the checks that depend on it.
    """
    found = [
        *limit_errors(model, "model"),
        *limit_errors(model.attention, "model.attention"),
        *unit_errors(model.attention),
    ]
    if model.backbone not in BACKBONES:
        return [*BACKBONES.unknown("model.backbone", model.backbone), *found]
    backbone = BACKBONES[model.backbone]
    idle = [
        f"model.{key}: backbone {model.backbone} has no such option; expected it left at {default!r}, got {value!r}"
        for key, value, default in _options(model)
        if key not in backbone.options and value != default and key != "depth"
    ]
    own = option_errors("model.options", backbone.make, model.options, passed=PASSED)
    return [*backbone.config_errors(model, side), *idle, *own, *found]


def _options(model: ModelConfig) -> list[tuple[str, Any, Any]]:
    """Return (name, value, default) of every option except `backbone`, `attention` and `options`."""
    return [
        (each.name, getattr(model, each.name), each.default)
        for each in fields(model)
        if each.name not in ("backbone", "attention", "options")
    ]


def describe(model: ModelConfig) -> str:
    """Return a short description like `ResNet-18 (width 16, stem small)`, without options at their default."""
    backbone = BACKBONES[model.backbone]
    changed = [
        f"{key} {value}"
        for key, value, default in _options(model)
        if key in backbone.options and value != default and key != "depth"
    ]
    changed += [f"{key} {value}" for key, value in model.options.items()]
    title = backbone.title.format(depth=model.depth)
    return f"{title} ({', '.join(changed)})" if changed else title


def build(model: ModelConfig, *, in_channels: int, classes: int) -> RecognitionNetwork:
    """Return the network of a configuration with random initial weights.

    Args:
        model: backbone, its options and attention.
        in_channels: channels of the input, 1 or more.
        classes: number of logits, 2 or more.

    Raises:
        ConfigError: lists all that `config_errors` finds and an `in_channels` or `classes` that is too small.
    """
    found = config_errors(model)
    if in_channels < 1:
        found.append(f"input: expected 1 channel or more for the network, got {in_channels}")
    if classes < 2:
        found.append(f"data: expected 2 classes or more for the classifier, got {classes}")
    if found:
        raise ConfigError(found)
    return BACKBONES[model.backbone].make(model, in_channels=in_channels, classes=classes, **model.options)


def fold_attention(model: Network) -> Network:
    """Return a copy of a network with every released micro-attention unit folded.

    Logits and maps stay equal; the copy has fewer parameters.
    """
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, MicroAttention):
                setattr(module, name, child.fold())
    return model


def count_parameters(module: nn.Module) -> int:
    """Return the number of trainable parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
