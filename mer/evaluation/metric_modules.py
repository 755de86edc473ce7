"""Provide UF1, UAR and the mean F1 of action units as torchmetrics classes, for training loops and loggers.

Contract: each equals the function of `mer.evaluation.metrics` on the same samples, in float64. torchmetrics' own
`average="macro"` leaves a class without samples out of the mean without a word; these do so only where asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import MulticlassConfusionMatrix

from mer.evaluation import metrics
from mer.evaluation.metrics import Scores

#: What to do with a class without samples: the score is not defined, or the mean goes over the other classes.
ABSENT = ("nan", "skip")


class _MeanOverClasses(MulticlassConfusionMatrix):
    """Mean of a score over classes; `update(preds, target)` as in torchmetrics.

    Args:
        num_classes: K, the size of the fixed class set.
        absent: `nan` where a class without samples makes the score NaN, as the pooled score of a protocol has it;
            `skip` for the mean over the classes that have samples, as for an inner split of a few people.
        options: of `MulticlassConfusionMatrix`, e.g. `ignore_index`.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    def __init__(self, num_classes: int, *, absent: str = "nan", **options: Any) -> None:
        super().__init__(num_classes, **options)
        if absent not in ABSENT:
            raise ValueError(f"absent: expected one of {', '.join(ABSENT)}, got {absent!r}")
        self.absent = absent

    def of_each_class(self, confusion: np.ndarray) -> Scores:
        """Score (K,) of each class of a confusion matrix (K, K); NaN for a class without samples."""
        raise NotImplementedError

    def compute(self) -> Tensor:
        """Return the score, 0..1, a scalar in float64 (float32 on devices without it)."""
        scores = self.of_each_class(self.confmat.cpu().numpy())
        absent = np.isnan(scores)
        undefined = absent.all() if self.absent == "skip" else absent.any()
        score = np.nan if undefined else np.nanmean(scores)
        dtype = torch.float32 if self.confmat.device.type == "mps" else torch.float64
        return torch.tensor(score, dtype=dtype, device=self.confmat.device)


class UnweightedF1(_MeanOverClasses):
    """Unweighted F1 (UF1): the mean of F1 over all classes; see `mer.evaluation.metrics.uf1`."""

    def of_each_class(self, confusion: np.ndarray) -> Scores:
        """Return the F1 (K,) of each class."""
        return metrics.f1(confusion)


class UnweightedAverageRecall(_MeanOverClasses):
    """Unweighted average recall (UAR): the mean of recall over all classes; see `mer.evaluation.metrics.uar`."""

    def of_each_class(self, confusion: np.ndarray) -> Scores:
        """Return the recall (K,) of each class."""
        return metrics.recall(confusion)


class MeanUnitF1(Metric):
    """Mean over action units of F1, of those units that the samples show at least once; `update(preds, target)`.

    Args:
        units: K.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    def __init__(self, units: int) -> None:
        super().__init__()
        self.hits: Tensor
        self.misses: Tensor
        self.false: Tensor
        for name in ("hits", "misses", "false"):
            self.add_state(name, torch.zeros(units, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Count what is said to be present (N, K) bool against targets (N, K), of which below 0 is not known."""
        shown, absent = target > 0.5, (target >= 0) & (target <= 0.5)
        self.hits += (preds & shown).sum(0)
        self.misses += (~preds & shown).sum(0)
        self.false += (preds & absent).sum(0)

    def compute(self) -> Tensor:
        """The score, 0..1, a scalar in float32; 0 where no unit is shown."""
        shown = self.hits + self.misses > 0
        f1 = 2 * self.hits / (2 * self.hits + self.misses + self.false).clamp(min=1)
        return f1[shown].sum() / shown.sum().clamp(min=1)
