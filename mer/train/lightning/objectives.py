"""What a network's outputs mean: one class a clip (`Classes`), or each of several action units (`Units`).

Contract: the two have the same methods, so that `RecognitionModule` and predictions do not ask which one it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from mer.config import OptimConfig
from mer.evaluation.metric_modules import MeanUnitF1, UnweightedF1
from mer.inputs.datamodule import mixup
from mer.inputs.datamodule.mixup import Mixing
from mer.train.lightning.losses import ClassificationLoss, UnitLoss


class Classes:
    """One of `count` classes a clip; targets are classes (N,) or, of mixtures, shares (N, K)."""

    def __init__(self, count: int) -> None:
        self.count = count

    def loss(self, optim: OptimConfig, weights: Any = None) -> nn.Module:
        """Return the loss of logits and targets; `weights` as of `FoldDataModule.class_weights`."""
        return ClassificationLoss(optim, weights)

    def metric(self) -> Metric:
        """Return the score that chooses epochs: `update(self.decide(logits), targets)`."""
        return UnweightedF1(self.count, absent="skip")

    def decide(self, logits: Tensor) -> Tensor:
        """Return the class (N,) of logits (N, K)."""
        return logits.argmax(1)

    def accuracy(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the share of right answers; of a mixture right is the class with the larger share."""
        classes = targets if targets.ndim == 1 else targets.argmax(1)
        return (logits.argmax(1) == classes).float().mean()

    def mix(self, images: Tensor, targets: Tensor, mixing: Mixing) -> tuple[Tensor, Tensor]:
        """Return mixed inputs and targets."""
        return mixup.mix(images, targets, mixing, classes=self.count)


class Units:
    """Each of `count` action units; targets are (N, K): 1 present, 0 absent, shares of mixtures, -1 not known."""

    def __init__(self, count: int) -> None:
        self.count = count

    def loss(self, optim: OptimConfig, weights: Any = None) -> nn.Module:
        """Return the loss of logits and targets; `weights` as of `FoldDataModule.class_weights`."""
        return UnitLoss(optim, weights)

    def metric(self) -> Metric:
        """Return the score that chooses epochs: `update(self.decide(logits), targets)`."""
        return MeanUnitF1(self.count)

    def decide(self, logits: Tensor) -> Tensor:
        """Return which units are present, (N, K) bool, at a probability of one half."""
        return logits > 0

    def accuracy(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the share of right answers among the units that are known; 0 where none is."""
        known = targets >= 0
        return (((logits > 0) == (targets > 0.5)) & known).sum() / known.sum().clamp(min=1)

    def mix(self, images: Tensor, targets: Tensor, mixing: Mixing) -> tuple[Tensor, Tensor]:
        """Return mixed inputs and targets."""
        return mixup.mix_units(images, targets, mixing)


def objective_of(data: Mapping[str, Any]) -> Classes | Units:
    """Return the objective of a module's `data`: `classes`, names in order, and `units`, true for action units."""
    return (Units if data.get("units") else Classes)(len(data["classes"]))


def probabilities(logits: Tensor, *, units: bool) -> Tensor:
    """Return class probabilities (N, K), rows of which sum to 1, or of each unit its own."""
    return logits.sigmoid() if units else torch.softmax(logits, dim=1)
