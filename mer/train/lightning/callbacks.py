"""Record the curves and times of a training, and select its best epoch on the inner split."""

from __future__ import annotations

import copy
import time
from typing import Any

import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer


class CurveRecorder(Callback):
    """Callback that records one row per epoch: epoch, step, lr, losses, scores of the inner split, seconds.

    Args:
        validation: whether the fold has an inner split.

    Attributes:
        rows: the rows so far.
        step_seconds: time spent inside training steps (forward, backward, optimiser), without loading or validation.
    """

    def __init__(self, *, validation: bool) -> None:
        self.validation = validation
        self.rows: list[dict[str, Any]] = []
        self.step_seconds = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Start the clock."""
        self._start = time.perf_counter()

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Start the clock of one step."""
        self._step_start = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop the clock of one step; queued GPU work counts only if Lightning waits for it."""
        self.step_seconds += time.perf_counter() - self._step_start

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Add the row of the epoch; Lightning has run the inner split before."""
        row: dict[str, Any] = {
            "epoch": trainer.current_epoch,
            "step": trainer.global_step,
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            **pl_module.train_scores(),
        }
        if self.validation:
            row |= pl_module.validation_scores()
        row["seconds"] = time.perf_counter() - self._start
        self.rows.append(row)

    def table(self) -> pd.DataFrame:
        """Return all rows as a table."""
        return pd.DataFrame(self.rows)


class BestEpoch(Callback):
    """Callback that keeps the weights of the epoch with the highest UF1 on the inner split.

    Ties go to the lower loss, then to the earlier epoch.

    Attributes:
        epoch: the chosen epoch, 0-based.
        score: its UF1 on the inner split.
    """

    def __init__(self, curves: CurveRecorder) -> None:
        self.curves = curves
        self.epoch = -1
        self._best = (-1.0, 0.0)

    @property
    def score(self) -> float:
        """Return the UF1 of the chosen epoch on the inner split."""
        return self._best[0]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Compare the epoch that ends; `CurveRecorder` must come earlier in the list of callbacks."""
        row = self.curves.rows[-1]
        score = (row["validation_uf1"], -row["validation_loss"])
        if score > self._best:
            self._best, self.epoch = score, row["epoch"]
            self._weights: dict[str, torch.Tensor] = copy.deepcopy(pl_module.network.state_dict())

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Put the chosen weights back."""
        pl_module.network.load_state_dict(self._weights)
        del self._weights  # as large as the network
