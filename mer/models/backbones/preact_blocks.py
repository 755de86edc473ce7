"""Pre-activation residual blocks with a slot for attention behind the residual sum.

Contract: a block gives its output and its attention map or None; its slot holds a unit of `mer.models.attention` or
nothing. Sources: the Caffe definitions of the micro-attention authors (basic block); He, Zhang, Ren, Sun, "Identity
mappings in deep residual networks", ECCV 2016 (bottleneck).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

#: Channels of the output of a bottleneck over those of its 3x3 convolution (He et al. 2016).
EXPANSION = 4


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """3x3 convolution, padding 1, no bias: halves the side (rounding up) at stride 2."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


def conv1x1(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """1x1 convolution, no bias."""
    return nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)


class Block(nn.Module):
    """Basic block of two 3x3 convolutions: r = s + h2, then the attention unit where there is one.

    h1 is the first convolution after its normalisation and ReLU, h2 the second one.

    Args:
        inputs: channels of its input.
        outputs: C, channels of its output.
        stride: 2 where the side halves.
        preactivate: False for the very first block, whose input comes from the stem's ReLU.
        attention: unit for C channels, h1 of C channels; or None for the plain block.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        stride: int,
        preactivate: bool,
        attention: nn.Module | None,
    ) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs) if preactivate else None
        self.conv1 = conv3x3(inputs, outputs, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = conv3x3(outputs, outputs)
        changes = stride != 1 or inputs != outputs
        self.shortcut = conv1x1(inputs, outputs, stride) if changes else None
        self.attention = attention

    def forward(self, x: Tensor, tail: nn.Module | None = None) -> tuple[Tensor, Tensor | None]:
        """The block's output (N, C, H, W) and its attention map (N, 1, H, W) or None.

        Args:
            x: (N, inputs, H', W').
            tail: normalisation that acts, with a ReLU, on the sum before the attention (MEGC2019's last block).
        """
        p = x if self.bn1 is None else F.relu(self.bn1(x), inplace=True)
        h1 = F.relu(self.bn2(self.conv1(p)), inplace=True)
        h2 = self.conv2(h1)
        # as in He et al. 2016: a projection sees the activated input, the identity the raw one
        s = x if self.shortcut is None else self.shortcut(p)
        return _close(s, h1, h2, tail=tail, attention=self.attention)


class Bottleneck(nn.Module):
    """Block of a 1x1, a 3x3 and a 1x1 convolution: r = s + h2, then the attention unit where there is one.

    The authors have no such block. Micro-attention's z = [s, h1, h2] is read here as it is there: h1 is the 3x3
    convolution, the one that sees neighbours, after its normalisation and ReLU (C/4 channels); h2 is the last
    convolution and s the shortcut, both as they enter the sum (C channels each).

    Args:
        inputs: channels of its input.
        outputs: C, channels of its output, a multiple of `EXPANSION`.
        stride: 2 where the side halves, in the 3x3 convolution.
        preactivate: False for the very first block, whose input comes from the stem's ReLU.
        attention: unit for C channels, h1 of C/4 channels; or None for the plain block.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        stride: int,
        preactivate: bool,
        attention: nn.Module | None,
    ) -> None:
        super().__init__()
        inner = outputs // EXPANSION
        self.bn1 = nn.BatchNorm2d(inputs) if preactivate else None
        self.conv1 = conv1x1(inputs, inner)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv2 = conv3x3(inner, inner, stride)
        self.bn3 = nn.BatchNorm2d(inner)
        self.conv3 = conv1x1(inner, outputs)
        changes = stride != 1 or inputs != outputs
        self.shortcut = conv1x1(inputs, outputs, stride) if changes else None
        self.attention = attention

    def forward(self, x: Tensor, tail: nn.Module | None = None) -> tuple[Tensor, Tensor | None]:
        """As `Block.forward`."""
        p = x if self.bn1 is None else F.relu(self.bn1(x), inplace=True)
        h = F.relu(self.bn2(self.conv1(p)), inplace=True)
        h1 = F.relu(self.bn3(self.conv2(h)), inplace=True)
        h2 = self.conv3(h1)
        s = x if self.shortcut is None else self.shortcut(p)
        return _close(s, h1, h2, tail=tail, attention=self.attention)


def _close(
    s: Tensor, h1: Tensor, h2: Tensor, *, tail: nn.Module | None, attention: nn.Module | None
) -> tuple[Tensor, Tensor | None]:
    """The end of every block: the sum, the tail where there is one, the unit where there is one."""
    r = s + h2
    if tail is not None:
        r = F.relu(tail(r), inplace=True)
    if attention is None:
        return r, None
    y, a = attention(r, s=s, h1=h1, h2=h2)
    return y, a
