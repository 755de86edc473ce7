"""Define the pre-activation residual blocks `Block` and `Bottleneck`, with optional attention after the residual sum.

Contract: a block returns its output and its attention map or None; its attention is a unit of `mer.models.attention` or
None. Sources: the Caffe definitions of the micro-attention authors (basic block); He, Zhang, Ren, Sun, "Identity
mappings in deep residual networks", ECCV 2016 (bottleneck).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

#: Output channels of a bottleneck divided by the channels of its 3x3 convolution (He et al. 2016).
EXPANSION = 4


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """Return a 3x3 convolution with padding 1 and no bias; with stride 2 it halves the side, rounded up."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


def conv1x1(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """Return a 1x1 convolution without bias."""
    return nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)


class Block(nn.Module):
    """Compute a basic block of two 3x3 convolutions, r = s + h2, followed by attention if there is a unit.

    s is the shortcut, h1 the first convolution after its normalisation and ReLU, h2 the second convolution.

    Args:
        inputs: channels of the input.
        outputs: C, channels of the output.
        stride: 2 to halve the side, else 1.
        preactivate: False for the first block of the network only, since its input comes from the stem's ReLU.
        attention: unit for C channels and h1 of C channels; None for no attention.
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
        """Return the block's output (N, C, H, W) and its attention map (N, 1, H, W) or None.

        Args:
            x: (N, inputs, H', W').
            tail: normalisation applied with a ReLU to the sum before the attention (last block of MEGC2019).
        """
        p = x if self.bn1 is None else F.relu(self.bn1(x), inplace=True)
        h1 = F.relu(self.bn2(self.conv1(p)), inplace=True)
        h2 = self.conv2(h1)
        # as in He et al. 2016, a projection takes the activated input, the identity the raw one
        s = x if self.shortcut is None else self.shortcut(p)
        return _close(s, h1, h2, tail=tail, attention=self.attention)


class Bottleneck(nn.Module):
    """Compute a block of a 1x1, a 3x3 and a 1x1 convolution, r = s + h2, followed by attention if there is a unit.

    The authors have no such block. The input [s, h1, h2] of micro-attention is chosen by analogy: h1 is the 3x3
    convolution, the only one over neighbours, after its normalisation and ReLU (C/4 channels); h2 is the last
    convolution and s the shortcut, both as they are summed (C channels each).

    Args:
        inputs: channels of the input.
        outputs: C, channels of the output, a multiple of `EXPANSION`.
        stride: stride of the 3x3 convolution, 2 to halve the side, else 1.
        preactivate: False for the first block of the network only, since its input comes from the stem's ReLU.
        attention: unit for C channels and h1 of C/4 channels; None for no attention.
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
        """Return the block's output and its attention map or None, with the arguments of `Block.forward`."""
        p = x if self.bn1 is None else F.relu(self.bn1(x), inplace=True)
        h = F.relu(self.bn2(self.conv1(p)), inplace=True)
        h1 = F.relu(self.bn3(self.conv2(h)), inplace=True)
        h2 = self.conv3(h1)
        s = x if self.shortcut is None else self.shortcut(p)
        return _close(s, h1, h2, tail=tail, attention=self.attention)


def _close(
    s: Tensor, h1: Tensor, h2: Tensor, *, tail: nn.Module | None, attention: nn.Module | None
) -> tuple[Tensor, Tensor | None]:
    """Return output and map of a block from its sum s + h2, applying `tail` and attention if there are any."""
    r = s + h2
    if tail is not None:
        r = F.relu(tail(r), inplace=True)
    if attention is None:
        return r, None
    y, a = attention(r, s=s, h1=h1, h2=h2)
    return y, a
