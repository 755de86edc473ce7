"""Mix the samples of a batch: mixup (Zhang et al., ICLR 2018).

Contract: how a batch is mixed depends only on its size and a seed, not on loader processes or on what ran before.
Samples are mixed after augmentation, whatever the input: opposite motions of two samples add up as they would in the
first layer of the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Mixing:
    """Describe how the samples of one batch are mixed.

    Attributes:
        order: index of each sample's partner (N,), a permutation.
        share: weight 0..1 of the sample itself; its partner has 1 - share.
    """

    order: np.ndarray
    share: float


def draw(count: int, *, alpha: float, seed: int) -> Mixing:
    """Draw the mixing of a batch of `count` samples.

    Args:
        count: number of samples.
        alpha: parameter of the Beta distribution of the share, above 0, as in the paper.
        seed: seed of all draws.
    """
    rng = np.random.default_rng(seed)
    share = float(rng.beta(alpha, alpha))
    return Mixing(rng.permutation(count), share)


def mix(images: Tensor, targets: Tensor, mixing: Mixing, *, classes: int) -> tuple[Tensor, Tensor]:
    """Return new mixed inputs (N, C, H, W) and class shares (N, K) float32, from inputs and class indices (N,)."""
    order = torch.from_numpy(mixing.order).to(images.device)
    shares = F.one_hot(targets, classes).float()
    return torch.lerp(images[order], images, mixing.share), torch.lerp(shares[order], shares, mixing.share)


def mix_units(images: Tensor, targets: Tensor, mixing: Mixing) -> tuple[Tensor, Tensor]:
    """Return mixed inputs (N, C, H, W), new, and mixed units (N, K) float32; -1 where one of the two is not known."""
    order = torch.from_numpy(mixing.order).to(images.device)
    mixed = torch.lerp(targets[order], targets, mixing.share)
    known = (targets >= 0) & (targets[order] >= 0)
    return torch.lerp(images[order], images, mixing.share), torch.where(known, mixed, -1.0)
