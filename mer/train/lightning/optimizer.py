"""Make the optimiser and the schedule of a training with `make_optimizer`, and check their options."""

from __future__ import annotations

import math

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mer.config import ModelConfig, OptimConfig
from mer.config_check import limit_errors
from mer.models import parameter_groups
from mer.models.backbones.registry import BACKBONES
from mer.models.network import RecognitionNetwork
from mer.models.parameter_groups import level_config_errors


def make_optimizer(network: RecognitionNetwork, options: OptimConfig, total: int) -> tuple[Optimizer, LambdaLR]:
    """Return the optimiser with its parameter groups, and the schedule over `total` iterations."""
    groups = parameter_groups(network, lr=options.lr, weight_decay=options.weight_decay, bias_lr=options.bias_lr)
    optimizer: Optimizer
    if options.name == "sgd":
        optimizer = torch.optim.SGD(groups, lr=options.lr, momentum=options.momentum, fused=True)
    else:
        optimizer = torch.optim.AdamW(groups, lr=options.lr, fused=True)
    return optimizer, LambdaLR(optimizer, lambda step: lr_factor(options, step, total))


def lr_factor(options: OptimConfig, step: int, total: int) -> float:
    """Return the learning-rate factor at iteration `step` of `total`: linear warm-up, then cosine to 0, steps or 1."""
    warmup = round(options.warmup * total)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if options.schedule == "step":
        return options.gamma ** (step // options.step_every)
    if options.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))
    return 1.0


def config_errors(optim: OptimConfig) -> list[str]:
    """Return the errors of `optim`, one sentence per key."""
    found = limit_errors(optim, "optim")
    if (optim.epochs is None) == (optim.iterations is None):
        found.append(
            f"optim.epochs and optim.iterations: expected exactly one of them, got epochs={optim.epochs} and "
            f"iterations={optim.iterations}; set the other to null"
        )
    return found


def freeze_config_errors(optim: OptimConfig, model: ModelConfig) -> list[str]:
    """Return the errors of `optim.freeze` for this network; none if its backbone is unknown."""
    backbone = BACKBONES.get(model.backbone)
    return [] if backbone is None else level_config_errors(backbone.levels, optim.freeze)
