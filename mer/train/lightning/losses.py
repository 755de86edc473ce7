"""Compute the cross-entropy of logits against classes or mixtures of classes with `ClassificationLoss`.

Contract: one formula, linear in the targets, so the loss of a mixture is the mixture of the losses:
sum_nk w_k s_nk (-log p_nk) over sum_nk w_k t_nk, with t the targets and s = (1 - e) t + e / K the smoothed ones. With
one class per sample it is torch's `cross_entropy` with weights and label smoothing e. (For class shares torch's own
loss divides by the number of samples, whatever their weights.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mer.config import OptimConfig


class ClassificationLoss(nn.Module):
    """Cross-entropy with class weights and label smoothing, averaged with the class weights.

    Args:
        options: only `label_smoothing` is read.
        class_weights: weight of each class (K,); None for equal weights.
    """

    def __init__(self, options: OptimConfig, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.smoothing = options.label_smoothing
        weight = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.weight: Tensor | None
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of logits (N, K) for classes (N,) int64 or class shares (N, K) that sum to 1 per row."""
        if targets.ndim == 1:
            return F.cross_entropy(logits, targets, self.weight, label_smoothing=self.smoothing)
        losses = -logits.log_softmax(dim=1)
        if self.weight is not None:
            losses = losses * self.weight
        smoothed = targets * (1 - self.smoothing) + self.smoothing / logits.shape[1]
        total = (targets * self.weight).sum() if self.weight is not None else len(targets)
        return (smoothed * losses).sum() / total


class UnitLoss(nn.Module):
    """Binary cross-entropy of each action unit, a mean over all units that are known in the batch.

    Args:
        options: `label_smoothing` is read: targets move by half of it towards 0.5.
        unit_weights: weights (2, K) of absent and of present units, or None for equal ones.
    """

    def __init__(self, options: OptimConfig, unit_weights: Sequence[Sequence[float]] | None = None) -> None:
        super().__init__()
        self.smoothing = options.label_smoothing
        weight = None if unit_weights is None else torch.tensor(unit_weights, dtype=torch.float32)
        self.weight: Tensor | None
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of logits (N, K) against targets (N, K) 0..1 of mixtures, -1 where not known; 0 where nothing is."""
        known = targets >= 0
        smoothed = targets * (1 - self.smoothing) + self.smoothing / 2
        losses = F.binary_cross_entropy_with_logits(logits, smoothed.clamp(min=0), reduction="none")
        if self.weight is not None:
            losses = losses * torch.lerp(self.weight[0], self.weight[1], targets)
        return torch.where(known, losses, 0).sum() / known.sum().clamp(min=1)
