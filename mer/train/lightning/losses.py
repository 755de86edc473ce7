"""The loss of a batch of logits against classes or against mixtures of classes.

Contract: one formula, linear in the targets, so that the loss of a mixture is the mixture of the losses:
sum_nk w_k s_nk (-log p_nk) over sum_nk w_k t_nk, with t the targets and s = (1 - e) t + e / K the smoothed ones. With t
of one class each it is torch's `cross_entropy` with weights and label smoothing e. (torch's own loss against shares of
classes divides by the number of samples whatever their weights.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mer.config import OptimConfig


class ClassificationLoss(nn.Module):
    """Cross-entropy with class weights and label smoothing, a mean over the batch's weights.

    Args:
        options: `label_smoothing` is read.
        class_weights: weight of each class (K,), or None for equal ones.
    """

    def __init__(self, options: OptimConfig, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.smoothing = options.label_smoothing
        weight = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.weight: Tensor | None
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of logits (N, K) against classes (N,) int64 or shares of classes (N, K), rows of which sum to 1."""
        if targets.ndim == 1:
            return F.cross_entropy(logits, targets, self.weight, label_smoothing=self.smoothing)
        losses = -logits.log_softmax(dim=1)
        if self.weight is not None:
            losses = losses * self.weight
        smoothed = targets * (1 - self.smoothing) + self.smoothing / logits.shape[1]
        total = (targets * self.weight).sum() if self.weight is not None else len(targets)
        return (smoothed * losses).sum() / total
