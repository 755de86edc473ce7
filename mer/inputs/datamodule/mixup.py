"""Mixtures of the samples of a batch: mixup (Zhang et al., ICLR 2018).

Contract: the mixing of a batch is a function of its size and a seed alone, so that neither loader processes nor what
ran before change a number. It acts after augmentation, on inputs of any kind: motion to the right in one and to the
left in the other add up as the network's first layer would add them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Mixing:
    """How the samples of one batch are mixed, each with another one.

    Attributes:
        order: (N,) the partner of each sample; a permutation.
        share: 0..1, what stays of the sample itself.
    """

    order: np.ndarray
    share: float


def draw(count: int, *, alpha: float, seed: int) -> Mixing:
    """Return the mixing of a batch of `count` samples.

    Args:
        count: samples in the batch.
        alpha: of the Beta distribution of the share, above 0, as in the paper.
        seed: decides all.
    """
    rng = np.random.default_rng(seed)
    share = float(rng.beta(alpha, alpha))
    return Mixing(rng.permutation(count), share)


def mix(images: Tensor, targets: Tensor, mixing: Mixing, *, classes: int) -> tuple[Tensor, Tensor]:
    """Return mixed inputs (N, C, H, W), new, and shares of the classes (N, K) float32 of inputs and classes (N,)."""
    order = torch.from_numpy(mixing.order).to(images.device)
    shares = F.one_hot(targets, classes).float()
    return torch.lerp(images[order], images, mixing.share), torch.lerp(shares[order], shares, mixing.share)
