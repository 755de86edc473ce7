"""Averages of the weights over training: the network that is validated, tested and kept in place of the last one.

Contract: `Averaging` follows the steps, puts the average into the network whenever it is looked at (the inner split,
the choice of an epoch, the end) and the moving weights back before training goes on, so that training itself is that
without averaging, to the last bit.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor

from mer.config import OptimConfig


class Averaging(Callback):
    """Keeps an exponential moving average of all weights and statistics, one term a step.

    Step t of T has the weight (1 - d) d^(T-t) / (1 - d^T): the start is corrected as Adam's means are, and the drawn
    weights never enter. The statistics of batch normalisation are averaged likewise: over the steps that the average
    reaches back the weights hardly move, and each step's statistics are near enough (as is usual for such averages;
    nothing has to be computed again at every look).

    Args:
        options: `average_decay` is read.
    """

    def __init__(self, options: OptimConfig) -> None:
        self.decay = options.average_decay
        self.terms = 0
        self.average: dict[str, Tensor] = {}
        self._moving: dict[str, Tensor] | None = None

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Add the weights after this step."""
        self.terms += 1
        state = {name: value for name, value in pl_module.network.state_dict().items() if value.is_floating_point()}
        if self.terms == 1:
            self.average = {name: value.clone() for name, value in state.items()}
        else:
            share = averaging_weight(self.decay, self.terms)
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
        """Put the average in for good, and keep no copy of it."""
        self._put_in(pl_module)
        self.average, self._moving = {}, None

    def _put_in(self, pl_module: Any) -> None:
        """Load the average, if there is one and it is not in yet."""
        if not self.terms or self._moving is not None:
            return
        self._moving = {name: value.clone() for name, value in pl_module.network.state_dict().items()}
        pl_module.network.load_state_dict({**self._moving, **self.average})


def averaging_weight(decay: float, terms: int) -> float:
    """Return the share of the newest of so many terms in the average, the others taking the rest."""
    # (1 - d) / (1 - d^n), without the loss of digits at a decay near 1
    return (1 - decay) / -math.expm1(terms * math.log(decay)) if decay else 1.0
