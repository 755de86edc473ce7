"""Provide UF1 and UAR as torchmetrics classes, for training loops and loggers.

Contract: each equals the function of `mer.evaluation.metrics` on the same samples, in float64. torchmetrics' own
`average="macro"` leaves a class without samples out of the mean without a word; these do so only where asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
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
