"""Average the weights over the training steps with `Averaging`; the average is validated, tested and kept.

Contract: the callback puts the average into the network for the inner split, the choice of an epoch and the end, and
restores the trained weights before training continues, so the training itself is bit for bit that without averaging.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor

from mer.config import OptimConfig


class Averaging(Callback):
    """Callback that keeps an exponential moving average of all weights and statistics, one term per step.

    Step t of T has the weight (1 - d) d^(T-t) / (1 - d^T): the start is corrected as in Adam, and the initial weights
    do not enter. The statistics of batch normalisation are averaged too, as is usual: the weights hardly change over
    the steps of the average, so the statistics need not be computed again.

    Args:
        options: only `average_decay` is read.
    """

    def __init__(self, options: OptimConfig) -> None:
        self.decay = options.average_decay
        self.terms = 0
        self.average: dict[str, Tensor] = {}
        self._moving: dict[str, Tensor] | None = None

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Add the weights of this step to the average."""
        self.terms += 1
        state = {name: value for name, value in pl_module.network.state_dict().items() if value.is_floating_point()}
        if self.terms == 1:
            self.average = {name: value.clone() for name, value in state.items()}
        else:
            share = averaging_weight(self.decay, self.terms)
            torch._foreach_lerp_(list(self.average.values()), list(state.values()), share)

    def on_validation_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Put the average into the network."""
        self._put_in(pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Restore the trained weights."""
        if self._moving is not None:
            pl_module.network.load_state_dict(self._moving)
            self._moving = None

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Put the average into the network and delete the copies."""
        self._put_in(pl_module)
        self.average, self._moving = {}, None

    def _put_in(self, pl_module: Any) -> None:
        """Swap the averaged weights into the network, unless already done."""
        if not self.terms or self._moving is not None:
            return
        self._moving = {name: value.clone() for name, value in pl_module.network.state_dict().items()}
        pl_module.network.load_state_dict({**self._moving, **self.average})


def averaging_weight(decay: float, terms: int) -> float:
    """Return the share of the newest of `terms` terms in the average."""
    # (1 - d) / (1 - d^n), without the loss of digits at a decay near 1
    return (1 - decay) / -math.expm1(terms * math.log(decay)) if decay else 1.0
