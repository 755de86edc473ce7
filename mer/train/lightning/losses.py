"""The loss of a batch of logits against classes or against mixtures of classes.

Contract: one formula, linear in the targets, so that the loss of a mixture is the mixture of the losses:
sum_nk w_k s_nk (1 - p_nk)^gamma (-log p_nk) over sum_nk w_k t_nk, with t the targets and s = (1 - e) t + e / K the
smoothed ones. With t of one class each and gamma = 0 it is torch's `cross_entropy` with weights and label smoothing e.
Source of the focal factor: Lin et al., Focal Loss for Dense Object Detection, ICCV 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mer.config import OptimConfig


class ClassificationLoss(nn.Module):
    """Cross-entropy or focal loss, with class weights and label smoothing; a mean over the batch's weights.

    Args:
        options: `loss`, `focal_gamma` and `label_smoothing` are read.
        class_weights: weight of each class (K,), or None for equal ones.
    """

    def __init__(self, options: OptimConfig, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.gamma = options.focal_gamma if options.loss == "focal" else 0.0
        self.smoothing = options.label_smoothing
        weight = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.weight: Tensor | None
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of logits (N, K) against classes (N,) int64 or shares of classes (N, K), rows of which sum to 1."""
        if targets.ndim == 1 and not self.gamma:
            return F.cross_entropy(logits, targets, self.weight, label_smoothing=self.smoothing)
        classes = logits.shape[1]
        shares = F.one_hot(targets, classes).to(logits.dtype) if targets.ndim == 1 else targets
        losses = -logits.log_softmax(dim=1)
        if self.gamma:
            # 1 - p without the loss of digits near p = 1; a root of exactly 0 would have an infinite slope
            missing = -torch.expm1(-losses)
            losses = losses * missing.clamp(min=torch.finfo(losses.dtype).tiny).pow(self.gamma)
        if self.weight is not None:
            losses = losses * self.weight
        smoothed = shares * (1 - self.smoothing) + self.smoothing / classes
        total = (shares * self.weight).sum() if self.weight is not None else len(shares)
        return (smoothed * losses).sum() / total
