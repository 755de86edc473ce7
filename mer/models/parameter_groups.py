"""Which parameters move, and how fast: frozen levels and layers, layer-wise learning rates, optimiser groups.

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

#: Layers that `freeze_norm` means.
NORMS = (_BatchNorm, nn.GroupNorm)


def freeze(network: RecognitionNetwork, levels: int, *, norm: bool = False) -> tuple[nn.Module, ...]:
    """Batch normalisations that must keep their statistics, after stopping parameters from learning, in place.

    What is returned belongs into evaluation mode after every `train()`: in training mode it would go on averaging, and
    normalise with the batch's statistics what the frozen weights behind it learnt with the running ones.

    Args:
        network: whose parameters get `requires_grad` False.
        levels: how many from the input on; the classifier always learns.
        norm: whether every normalisation layer keeps scale, shift and statistics.

    Raises:
        ConfigError: more levels than there are below the classifier.
    """
    found = level_config_errors(network.levels, levels)
    if found:
        raise ConfigError(found)
    for name, parameter in network.named_parameters():
        if network.level_of(name) < levels:
            parameter.requires_grad_(False)
    held = []
    for name, module in network.named_modules():
        if norm and isinstance(module, NORMS):
            module.requires_grad_(False)
        if isinstance(module, _BatchNorm) and (norm or network.level_of(name) < levels):
            held.append(module)
    return tuple(held)


def level_config_errors(names: Sequence[str], frozen: int) -> list[str]:
    """What is wrong with so many frozen levels of a network whose levels have these names."""
    below = names[:-1]
    if frozen <= len(below):
        return []
    return [f"optim.freeze: expected 0..{len(below)} of the levels {', '.join(below)}, got {frozen}"]


def parameter_groups(
    network: RecognitionNetwork, *, lr: float, weight_decay: float, bias_lr: float, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """Optimiser groups `weights`, `scales` and `shifts`, those without a parameter that learns left out.

    One rule for every recipe: what has two dimensions or more is a weight and decays; BN scales, BN shifts and biases
    do not, and shifts and biases move at `lr * bias_lr` (2 in the authors' definitions). The authors exempt only the
    classifier's bias from decay; over their whole MEGC2019 schedule (decay 5e-6, momentum 0.9) it would take less than
    0.06% off the others, so the difference is not worth an option.

    With a `layer_decay` other than 1 every level has groups of its own, `head.weights` and so on from the classifier
    to the input, whose rates are multiplied by it once for each level between them and the classifier (as in the fine-
    tuning of ELECTRA and BEiT).
    """
    options = {
        "weights": {"lr": lr, "weight_decay": weight_decay},
        "scales": {"lr": lr, "weight_decay": 0.0},
        "shifts": {"lr": lr * bias_lr, "weight_decay": 0.0},
    }
    last = len(network.levels) - 1
    # the distance from the classifier, and the kind; one distance for all where all move at one rate
    distances = range(last + 1) if layer_decay != 1 else range(1)
    members: dict[tuple[int, str], list[nn.Parameter]] = {(d, kind): [] for d in distances for kind in options}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            kind = "weights" if parameter.ndim > 1 else "shifts" if name.endswith("bias") else "scales"
            members[last - network.level_of(name) if layer_decay != 1 else 0, kind].append(parameter)
    groups = []
    for (distance, kind), parameters in members.items():
        if parameters:
            name = kind if layer_decay == 1 else f"{network.levels[last - distance]}.{kind}"
            rate = options[kind]["lr"] * layer_decay**distance
            groups.append({"name": name, "params": parameters, **options[kind], "lr": rate})
    return groups
