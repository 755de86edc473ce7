"""From a configuration to a network, its parameter groups and its size.

Contract: `problems` says all that is wrong with a configuration, `build` refuses to go on with any of it. Weights
are drawn from torch's global generator: seed it first.
"""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from mer.config import ModelConfig
from mer.errors import ConfigError
from mer.models.attention import FORMS, NONE, PLACES, UNITS, MicroAttention, unit_of
from mer.models.resnet import BLOCKS, CHANNELS, RELEASES, Block, MicroAttentionResNet

#: Smallest side of the input in pixels: stem and stages halve it five times, 28 -> 14 -> 7 -> 4 -> 2 -> 1.
MIN_SIDE = 28


def problems(model: ModelConfig) -> list[str]:
    """What is wrong with the configuration of a network, one sentence a key; empty where nothing is."""
    attention = model.attention
    choices: list[tuple[str, Any, list[Any]]] = [
        ("model.depth", model.depth, list(BLOCKS)),
        ("model.release", model.release, list(RELEASES)),
        ("model.attention.unit", attention.unit, [NONE, *UNITS]),
        ("model.attention.form", attention.form, list(FORMS)),
        ("model.attention.blocks", attention.blocks, list(PLACES)),
    ]
    found = [
        f"{key}: expected one of {allowed}, got {value!r}" for key, value, allowed in choices if value not in allowed
    ]
    stages = list(range(1, len(CHANNELS) + 1))
    if any(isinstance(stage, bool) or stage not in stages for stage in attention.stages):
        expected = f"expected a subset of {stages} (an empty list is the plain network)"
        found.append(f"model.attention.stages: {expected}, got {list(attention.stages)}")
    return found


def build(model: ModelConfig, *, in_channels: int, classes: int) -> MicroAttentionResNet:
    """The network of a configuration, with freshly drawn weights.

    Args:
        model: depth, release and attention.
        in_channels: channels of the input, 1 or more.
        classes: number of logits, 2 or more.

    Raises:
        ConfigError: lists everything that `problems` finds and counts that make no network.
    """
    found = problems(model)
    if in_channels < 1:
        found.append(f"input: expected 1 channel or more for the network, got {in_channels}")
    if classes < 2:
        found.append(f"data: expected 2 classes or more for the classifier, got {classes}")
    if found:
        raise ConfigError(found)
    return MicroAttentionResNet(
        model.depth,
        in_channels=in_channels,
        classes=classes,
        release=model.release,
        stages=model.attention.stages,
        unit=unit_of(model.attention),
        last_only=model.attention.blocks == "last",
    )


def fold(model: MicroAttentionResNet) -> MicroAttentionResNet:
    """Copy of a network with every released micro-attention unit folded: equal logits and maps, fewer parameters."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, Block) and isinstance(module.attention, MicroAttention):
            module.attention = module.attention.fold()
    return model


def count_parameters(module: nn.Module) -> int:
    """Number of trainable numbers in a module."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def parameter_groups(model: nn.Module, *, lr: float, weight_decay: float, bias_lr: float) -> list[dict[str, Any]]:
    """Optimiser groups named `weights`, `scales` and `shifts`, those without a trainable parameter left out.

    One rule for every recipe: what has two dimensions or more is a weight and decays; BN scales, BN shifts and biases
    do not, and shifts and biases move at `lr * bias_lr` (2 in the authors' definitions). The authors exempt only the
    classifier's bias from decay; over their whole MEGC2019 schedule (decay 5e-6, momentum 0.9) it would take less than
    0.06% off the others, so the difference is not worth an option.
    """
    groups: dict[str, dict[str, Any]] = {
        "weights": {"lr": lr, "weight_decay": weight_decay},
        "scales": {"lr": lr, "weight_decay": 0.0},
        "shifts": {"lr": lr * bias_lr, "weight_decay": 0.0},
    }
    members: dict[str, list[nn.Parameter]] = {name: [] for name in groups}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            kind = "weights" if parameter.ndim > 1 else "shifts" if name.endswith("bias") else "scales"
            members[kind].append(parameter)
    return [{"name": name, "params": members[name], **options} for name, options in groups.items() if members[name]]
