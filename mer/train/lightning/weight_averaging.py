"""Averages of the weights over training: the network that is validated, tested and kept in place of the last one.

Contract: `Averaging` follows the steps, puts the average into the network whenever it is looked at (the inner split,
the choice of an epoch, the end) and the moving weights back before training goes on, so that training itself is that
without averaging, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mer.config import OptimConfig

#: Inputs a pass when statistics are computed anew; they are the mean over passes of about this size.
PASS = 64


class Averaging(Callback):
    """Keeps an average of all weights and statistics, one term a step.

    `ema`: step t of T has the weight (1 - d) d^(T-t) / (1 - d^T): the start is corrected as Adam's means are, and the
    drawn weights never enter. The statistics of batch normalisation are averaged likewise: over the steps that the
    average reaches back the weights hardly move, and each step's statistics are near enough (as is usual for such
    averages; nothing has to be computed again at every look).

    `swa`: the plain mean of the weights after every step from `average_start` of the training on (Izmailov et al.,
    Averaging Weights Leads to Wider Optima, UAI 2018, with a cycle of one step). These lie far apart, no statistics on
    the way fit their mean: they are computed anew from the training inputs, as the paper does, without augmentation or
    over-sampling, since that is how test inputs come.

    Args:
        options: `average`, `average_decay` and `average_start` are read.
        pixels: inputs (N, C, H, W) of all samples.
        rows: those that train.
    """

    def __init__(self, options: OptimConfig, pixels: np.ndarray, rows: np.ndarray) -> None:
        self.options, self.pixels, self.rows = options, pixels, rows
        self.terms = 0
        self.average: dict[str, Tensor] = {}
        self._moving: dict[str, Tensor] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Fix the number of steps that the mean leaves out."""
        swa = self.options.average == "swa"
        self._skipped = math.floor(self.options.average_start * trainer.estimated_stepping_batches) if swa else 0

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Add the weights after this step."""
        if trainer.global_step <= self._skipped:
            return
        self.terms += 1
        state = {name: value for name, value in pl_module.network.state_dict().items() if value.is_floating_point()}
        if self.terms == 1:
            self.average = {name: value.clone() for name, value in state.items()}
        else:
            share = averaging_weight(self.options, self.terms)
            torch._foreach_lerp_(list(self.average.values()), list(state.values()), share)

    def on_validation_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Put the average in."""
        self._put_in(pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Put the moving weights back."""
        if self._moving is not None:
            pl_module.network.load_state_dict(self._moving)
            self._moving = None

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Put the average in for good."""
        self._put_in(pl_module)

    def _put_in(self, pl_module: Any) -> None:
        """Load the average, if there is one and it is not in yet."""
        if not self.terms or self._moving is not None:
            return
        self._moving = {name: value.clone() for name, value in pl_module.network.state_dict().items()}
        pl_module.network.load_state_dict({**self._moving, **self.average})
        if self.options.average == "swa":
            update_batch_norm(pl_module.network, self.pixels, self.rows, held=pl_module.held)


def averaging_weight(options: OptimConfig, terms: int) -> float:
    """Share of the newest of so many terms in the average, the others taking the rest."""
    if options.average == "swa":
        return 1 / terms
    # (1 - d) / (1 - d^n), without the loss of digits at a decay near 1
    decay = options.average_decay
    return (1 - decay) / -math.expm1(terms * math.log(decay)) if decay else 1.0


@torch.no_grad()
def update_batch_norm(
    network: nn.Module, pixels: np.ndarray, rows: np.ndarray, *, held: Collection[nn.Module] = ()
) -> None:
    """Compute the running statistics of every batch normalisation anew from pixels[rows], in place; those held stay.

    The rest of the network is in evaluation mode, so that dropout takes no part; the passes are equally large but for
    one sample, so that their mean is fair. What `torch.optim.swa_utils.update_bn` does, but for what is held, dropout
    and a small last batch.
    """
    layers = [module for module in network.modules() if isinstance(module, _BatchNorm) and module not in held]
    if not layers:
        return
    modes = {module: module.training for module in network.modules()}
    momenta = [layer.momentum for layer in layers]
    network.eval()
    for layer in layers:
        layer.train()
        layer.reset_running_stats()
    like = next(network.parameters())
    for count, part in enumerate(np.array_split(rows, max(1, round(len(rows) / PASS))), 1):
        for layer in layers:
            layer.momentum = 1 / count  # the plain mean over passes
        network(torch.from_numpy(np.asarray(pixels[part], dtype=np.float32)).to(like))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    for module, mode in modes.items():
        module.training = mode
