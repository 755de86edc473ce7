"""Weigh positions by one map computed from the block's own feature maps: micro-attention (unit `micro`).

Source: Wang, Peng, Bi, Chen, Neurocomputing 410 (2020) 354-362, and the network definitions of the authors. The folded
form is our own: there is no non-linearity between the released 3C -> C convolution and the mean over C, so one vector
of 3C weights computes the same map.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mer.models.attention.registry import UNITS


def weigh_channels(x: Tensor, weight: Tensor) -> Tensor:
    """Return the sum over channels of weight_c x_c, (N, 1, H, W), from x (N, C, H, W) and weight (C,)."""
    if not x.is_contiguous():
        # channels_last: flattening would copy the map (then a training step of ResNet-10 takes 1.17 times as long as
        # without attention, instead of 1.07 times)
        return F.conv2d(x, weight.view(1, -1, 1, 1))
    # the same numbers by a matrix product, which has the cheaper backward pass (1.05 times instead of 1.08 times)
    n, c, height, width = x.shape
    return torch.bmm(weight.expand(n, 1, c), x.flatten(2)).view(n, 1, height, width)


class FoldedProjection(nn.Module):
    """Compute the map before its sigmoid as w_s.s + w_1.h1 + w_2.h2, with 2C + C1 weights.

    It needs no concatenated copy of the feature maps. w is the mean of the rows of `ReleasedProjection` and is trained
    as that mean: there each row receives 1/C of the gradient of w, while momentum and decay act on w as on a row. So
    only the gradient is scaled by 1/C; a factor on the learning rate would scale the decay too. An operation in the
    forward pass does this and not a hook, because `deepcopy` and pickling lose the hooks of a parameter.

    Attributes:
        parts: channels of s, h1, h2, which are C, C1, C.
        weight: w_s, w_1, w_2 one after the other; (3, C) if C1 = C, else one row.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.channels = channels
        self.parts = (channels, hidden, channels)
        inputs = sum(self.parts)
        self.weight = nn.Parameter(torch.empty(3, channels) if hidden == channels else torch.empty(1, inputs))
        # deviation of the mean of C rows, each normal with the fan-in MSRA deviation sqrt(2 / inputs)
        nn.init.normal_(self.weight, std=math.sqrt(2 / inputs) / math.sqrt(channels))

    def forward(self, s: Tensor, h1: Tensor, h2: Tensor) -> Tensor:
        """Return the logit of the map, (N, 1, H, W), from (N, C, H, W), (N, C1, H, W) and (N, C, H, W)."""
        # w + (w - w) / C with the first and third w constant: exactly the value of w, but 1/C of its gradient
        weight = torch.lerp(self.weight.detach(), self.weight, 1 / self.channels)
        w_s, w_1, w_2 = weight.flatten().split(self.parts)
        return weigh_channels(s, w_s) + weigh_channels(h1, w_1) + weigh_channels(h2, w_2)

    def multiply_adds(self, height: int, width: int) -> int:
        """Return the number of products with weights for one sample."""
        return sum(self.parts) * height * width


class ReleasedProjection(nn.Module):
    """Compute the map before its sigmoid as released, a 1x1 convolution of [s, h1, h2] to C channels and their mean.

    The mean is the authors' second 1x1 convolution, C to 1 with fixed weights 1/C. It is a constant, not a parameter.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.channels, self.hidden = channels, hidden
        self.conv = nn.Conv2d(2 * channels + hidden, channels, 1, bias=False)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, s: Tensor, h1: Tensor, h2: Tensor) -> Tensor:
        """Return the logit of the map, (N, 1, H, W), from (N, C, H, W), (N, C1, H, W) and (N, C, H, W)."""
        return self.conv(torch.cat([s, h1, h2], dim=1)).mean(dim=1, keepdim=True)

    def fold(self) -> FoldedProjection:
        """Return the folded projection with equal values up to rounding, on the same device, in the same precision."""
        folded = FoldedProjection(self.channels, self.hidden).to(self.conv.weight)
        with torch.no_grad():
            folded.weight.copy_(self.conv.weight.mean(dim=0).view_as(folded.weight))
        return folded

    def multiply_adds(self, height: int, width: int) -> int:
        """Return the number of products with weights for one sample."""
        return self.conv.weight.numel() * height * width


#: Projection by `AttentionConfig.form`.
FORMS: dict[str, type[FoldedProjection] | type[ReleasedProjection]] = {
    "folded": FoldedProjection,
    "released": ReleasedProjection,
}


@UNITS.register("micro")
class MicroAttention(nn.Module):
    """Compute y = r + a * r with one map a = sigmoid(w . [s, h1, h2]) for all channels.

    y equals r where a is 0. Source: Wang et al. 2020. r, s, h2, y: (N, C, H, W), h1: (N, C1, H, W), a: (N, 1, H, W).
    Let Z = 2C + C1 (3C, except in bottlenecks). Parameters: Z folded, ZC released.
    Multiply-adds: (Z + C) HW folded, (ZC + C) HW released.

    Args:
        channels: C of the block.
        hidden: C1, channels of h1; None: C.
        form: `folded` (Z weights) or `released` (Z x C weights); both have equal maps and train equally under SGD and
            AdamW.
    """

    has_map = True

    def __init__(self, channels: int, *, hidden: int | None = None, form: str = "folded") -> None:
        super().__init__()
        self.project: FoldedProjection | ReleasedProjection = FORMS[form](channels, hidden or channels)

    def forward(self, r: Tensor, *, s: Tensor, h1: Tensor, h2: Tensor) -> tuple[Tensor, Tensor]:
        """Return the block's output (N, C, H, W) and the map (N, 1, H, W); with weights 0 these are 1.5 r and 0.5."""
        a = torch.sigmoid(self.project(s, h1, h2))
        return r * (1 + a), a

    def fold(self) -> MicroAttention:
        """Return the unit in folded form, with equal maps; `self` if it is folded already."""
        if isinstance(self.project, FoldedProjection):
            return self
        folded = MicroAttention(self.project.channels)
        folded.project = self.project.fold()
        return folded.train(self.training)

    def multiply_adds(self, height: int, width: int) -> int:
        """Return the multiply-adds of one sample's forward pass at H x W positions."""
        return self.project.multiply_adds(height, width) + self.project.channels * height * width
