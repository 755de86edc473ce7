"""Which parameters move, and how fast: frozen levels, optimiser groups.

Contract: what does not learn has `requires_grad` False and is in no group. Levels are those of
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
    """Batch normalisations that must keep their statistics, after stopping parameters from learning, in place.

    What is returned belongs into evaluation mode after every `train()`: in training mode it would go on averaging, and
    normalise with the batch's statistics what the frozen weights behind it learnt with the running ones.

    Args:
        network: whose parameters get `requires_grad` False.
        levels: how many from the input on; the classifier always learns.

    Raises:
        ConfigError: more levels than there are below the classifier.
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
    """What is wrong with so many frozen levels of a network whose levels have these names."""
    below = names[:-1]
    if frozen <= len(below):
        return []
    return [f"optim.freeze: expected 0..{len(below)} of the levels {', '.join(below)}, got {frozen}"]


def parameter_groups(
    network: RecognitionNetwork, *, lr: float, weight_decay: float, bias_lr: float
) -> list[dict[str, Any]]:
    """Return optimiser groups `weights`, `scales` and `shifts`, those without a parameter that learns left out.

    One rule for every recipe: what has two dimensions or more is a weight and decays; BN scales, BN shifts and biases
    do not, and shifts and biases move at `lr * bias_lr` (2 in the authors' definitions). The authors exempt only the
    classifier's bias from decay; over their whole MEGC2019 schedule (decay 5e-6, momentum 0.9) it would take less than
    0.06% off the others, so the difference is not worth an option.
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
