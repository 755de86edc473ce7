"""Micro-attention: one map for all channels from what the block just computed.

Source: Wang, Peng, Bi, Chen, Neurocomputing 410 (2020) 354-362, network definitions of the authors. The folded form is
ours: between the released 3C -> C convolution and the mean over C there is no non-linearity, so one vector of 3C
weights gives the same map.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mer.models.attention.registry import UNITS


def weigh_channels(x: Tensor, weight: Tensor) -> Tensor:
    """Sum over channels of weight_c x_c: (N, 1, H, W) from (N, C, H, W) and (C,)."""
    if not x.is_contiguous():
        # channels_last: flattening would copy the map (a training step of ResNet-10 then takes 1.17 of plain, not 1.07)
        return F.conv2d(x, weight.view(1, -1, 1, 1))
    # the same numbers as a product of matrices, whose backward pass is the cheaper (1.05 of plain, not 1.08)
    n, c, height, width = x.shape
    return torch.bmm(weight.expand(n, 1, c), x.flatten(2)).view(n, 1, height, width)


class FoldedProjection(nn.Module):
    """The map before its sigmoid as w_s.s + w_1.h1 + w_2.h2: 2C + C1 weights, no concatenated copy of the feature maps.

    w is the mean of the rows of `ReleasedProjection` and moves as that mean does: each row there receives 1/C of w's
    gradient, while momentum and decay act on w as on a row. So the gradient, and nothing else, is scaled by 1/C (a
    factor on the learning rate would scale the decay too). An operation of the forward pass does it, not a hook, since
    `deepcopy` and pickling lose a parameter's hooks in silence.

    Attributes:
        parts: channels of s, h1, h2: C, C1, C.
        weight: w_s, w_1, w_2 one after the other; (3, C) where C1 = C, else one row.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.channels = channels
        self.parts = (channels, hidden, channels)
        inputs = sum(self.parts)
        self.weight = nn.Parameter(torch.empty(3, channels) if hidden == channels else torch.empty(1, inputs))
        # the mean of C rows, each normal with the fan-in MSRA deviation sqrt(2 / inputs)
        nn.init.normal_(self.weight, std=math.sqrt(2 / inputs) / math.sqrt(channels))

    def forward(self, s: Tensor, h1: Tensor, h2: Tensor) -> Tensor:
        """Logit of the map, (N, 1, H, W), from (N, C, H, W), (N, C1, H, W) and (N, C, H, W)."""
        # w + (w - w) / C with the first and the third w constant: the value of w, bit for bit, and 1/C of its gradient
        weight = torch.lerp(self.weight.detach(), self.weight, 1 / self.channels)
        w_s, w_1, w_2 = weight.flatten().split(self.parts)
        return weigh_channels(s, w_s) + weigh_channels(h1, w_1) + weigh_channels(h2, w_2)

    def multiply_adds(self, height: int, width: int) -> int:
        """Products of weights, for one sample."""
        return sum(self.parts) * height * width


class ReleasedProjection(nn.Module):
    """The map before its sigmoid as released: 1x1 convolution of [s, h1, h2] to C channels, then their mean.

    The authors' second 1x1 convolution, C to 1 with fixed weights 1/C, is that mean: a constant, not a parameter.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.channels, self.hidden = channels, hidden
        self.conv = nn.Conv2d(2 * channels + hidden, channels, 1, bias=False)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, s: Tensor, h1: Tensor, h2: Tensor) -> Tensor:
        """Logit of the map, (N, 1, H, W), from (N, C, H, W), (N, C1, H, W) and (N, C, H, W)."""
        return self.conv(torch.cat([s, h1, h2], dim=1)).mean(dim=1, keepdim=True)

    def fold(self) -> FoldedProjection:
        """Folded projection with the same values to rounding error, on the same device and in the same precision."""
        folded = FoldedProjection(self.channels, self.hidden).to(self.conv.weight)
        with torch.no_grad():
            folded.weight.copy_(self.conv.weight.mean(dim=0).view_as(folded.weight))
        return folded

    def multiply_adds(self, height: int, width: int) -> int:
        """Products of weights, for one sample."""
        return self.conv.weight.numel() * height * width


#: Projection by `AttentionConfig.form`.
FORMS: dict[str, type[FoldedProjection] | type[ReleasedProjection]] = {
    "folded": FoldedProjection,
    "released": ReleasedProjection,
}


@UNITS.register("micro")
class MicroAttention(nn.Module):
    """y = r + a * r with one map a = sigmoid(w . [s, h1, h2]) for all channels; neutral where a is 0.

    Source: Wang et al. 2020. r, s, h2, y: (N, C, H, W), h1: (N, C1, H, W). With Z = 2C + C1 (3C but in bottlenecks):
    parameters Z folded, ZC released; multiply-adds (Z + C) HW folded, (ZC + C) HW released.

    Args:
        channels: C of the block.
        hidden: C1, channels of h1; None: C.
        form: `folded` (Z weights) or `released` (Z x C weights); equal maps, equal training under SGD and AdamW.
    """

    has_map = True

    def __init__(self, channels: int, *, hidden: int | None = None, form: str = "folded") -> None:
        super().__init__()
        self.project: FoldedProjection | ReleasedProjection = FORMS[form](channels, hidden or channels)

    def forward(self, r: Tensor, *, s: Tensor, h1: Tensor, h2: Tensor) -> tuple[Tensor, Tensor]:
        """The block's output (N, C, H, W) and its map (N, 1, H, W); with weights 0 these are 1.5 r and 0.5."""
        a = torch.sigmoid(self.project(s, h1, h2))
        return r * (1 + a), a

    def fold(self) -> MicroAttention:
        """The same unit in folded form, with equal maps; itself where it is folded already."""
        if isinstance(self.project, FoldedProjection):
            return self
        folded = MicroAttention(self.project.channels)
        folded.project = self.project.fold()
        return folded.train(self.training)

    def multiply_adds(self, height: int, width: int) -> int:
        """Of one sample's forward pass at H x W positions."""
        return self.project.multiply_adds(height, width) + self.project.channels * height * width
