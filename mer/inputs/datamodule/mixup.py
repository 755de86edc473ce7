"""Mixtures of the samples of a batch: mixup (Zhang et al., ICLR 2018) and CutMix (Yun et al., ICCV 2019).

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
        share: 0..1, what stays of the sample itself; with a box its part of the area.
        box: top, bottom, left, right of the pixels that come from the partner (CutMix); None for a sum (mixup).
    """

    order: np.ndarray
    share: float
    box: tuple[int, int, int, int] | None = None


def draw(count: int, side: tuple[int, int], *, mixup: float, cutmix: float, seed: int) -> Mixing:
    """The mixing of a batch of `count` samples, side (H, W) in pixels.

    Args:
        count: samples in the batch.
        side: height and width of the input.
        mixup: alpha of the Beta distribution of the share, as in the paper; 0 = no mixup.
        cutmix: likewise; where both are above 0, either is drawn with even odds. One of them must be above 0.
        seed: decides all.
    """
    rng = np.random.default_rng(seed)
    cuts = rng.random() < 0.5 if mixup and cutmix else cutmix > 0
    alpha = cutmix if cuts else mixup
    share, order = float(rng.beta(alpha, alpha)), rng.permutation(count)
    if not cuts:
        return Mixing(order, share)
    # a box of the partner's area 1 - share around any pixel, cut off at the border
    edges = []
    for length in side:
        centre, half = rng.integers(length), int(length * np.sqrt(1 - share)) // 2
        edges += [max(0, int(centre) - half), min(length, int(centre) + half)]
    top, bottom, left, right = edges
    area = (bottom - top) * (right - left) / (side[0] * side[1])
    return Mixing(order, 1 - area, (top, bottom, left, right))


def mix(images: Tensor, targets: Tensor, mixing: Mixing, *, classes: int) -> tuple[Tensor, Tensor]:
    """Mixed inputs (N, C, H, W), new, and shares of the classes (N, K) float32 of inputs and classes (N,)."""
    order = torch.from_numpy(mixing.order).to(images.device)
    shares = F.one_hot(targets, classes).float()
    shares = torch.lerp(shares[order], shares, mixing.share)
    if mixing.box is None:
        return torch.lerp(images[order], images, mixing.share), shares
    top, bottom, left, right = mixing.box
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images[order, :, top:bottom, left:right]
    return mixed, shares
