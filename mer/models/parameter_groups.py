"""Freeze levels with `freeze` and make the optimiser's groups with `parameter_groups`.

Contract: a frozen parameter has `requires_grad` False and is in no group. Levels are those of
`RecognitionNetwork.levels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mer.errors import ConfigError
from mer.models.network import RecognitionNetwork


def freeze(network: RecognitionNetwork, levels: int) -> tuple[nn.Module, ...]:
    """Freeze the first levels in place and return the batch normalisations that must keep their statistics.

    Set the returned layers to evaluation mode after every `train()`. In training mode they would update their averages
    and normalise by batch statistics, but the frozen weights after them were trained with the running averages.

    Args:
        network: the network to freeze.
        levels: number of levels to freeze, counted from the input; the classifier always learns.

    Returns:
        The frozen batch normalisations, in the order of `named_modules`.

    Raises:
        ConfigError: if the network has fewer levels before the classifier.
    """
    found = level_config_errors(network.levels, levels)
    if found:
        raise ConfigError(found)
    for name, parameter in network.named_parameters():
        if network.level_of(name) < levels:
            parameter.requires_grad_(False)
    return tuple(
        module
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm) and network.level_of(name) < levels
    )


def level_config_errors(names: Sequence[str], frozen: int) -> list[str]:
    """Return the error in freezing `frozen` levels of a network with the levels `names`; empty if there is none."""
    below = names[:-1]
    if frozen <= len(below):
        return []
    return [f"optim.freeze: expected 0..{len(below)} of the levels {', '.join(below)}, got {frozen}"]


def parameter_groups(
    network: RecognitionNetwork, *, lr: float, weight_decay: float, bias_lr: float
) -> list[dict[str, Any]]:
    """Return the optimiser groups `weights`, `scales` and `shifts`; a group without trainable parameters is left out.

    All recipes use one rule. Parameters of two or more dimensions are weights and decay. BN scales, BN shifts and
    biases do not decay; shifts and biases have the rate `lr * bias_lr` (`bias_lr` is 2 in the authors' definitions).
    The authors exempt only the classifier's bias from decay; over their whole MEGC2019 schedule (decay 5e-6, momentum
    0.9) decay would reduce the others by less than 0.06%, so the difference needs no option.
    """
    members: dict[str, list[nn.Parameter]] = {"weights": [], "scales": [], "shifts": []}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            kind = "weights" if parameter.ndim > 1 else "shifts" if name.endswith("bias") else "scales"
            members[kind].append(parameter)
    options = {
        "weights": {"lr": lr, "weight_decay": weight_decay},
        "scales": {"lr": lr, "weight_decay": 0.0},
        "shifts": {"lr": lr * bias_lr, "weight_decay": 0.0},
    }
    return [{"name": kind, "params": members[kind], **options[kind]} for kind in members if members[kind]]
