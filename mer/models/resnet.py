"""The pre-activation residual networks of the micro-attention authors, with a slot for attention in every block.

Contract: raw values in (grey 0..255, say; `data_bn` normalises them), logits out; side of the input 28 or more, at 28
the last stage is 1x1, so training needs two samples a batch. Nothing is kept between calls.
Source: the Caffe definitions that the authors released (ResNet-10, single-database and MEGC2019). Depths 18 and 34 are
the same family with more blocks a stage; a block that keeps the shape has its raw input as shortcut.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from mer.models.network import FeatureInfo, RecognitionNetwork, draw_classifier

#: Blocks a stage by depth; depth counts conv1, two convolutions a block and the classifier.
BLOCKS: dict[int, tuple[int, int, int, int]] = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}

#: Channels of stages 1 to 4.
CHANNELS = (64, 128, 256, 512)

#: `single`: single-database release. `megc2019`: last BN and ReLU before the last attention, L2-normalised features.
RELEASES = ("single", "megc2019")


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """3x3 convolution, padding 1, no bias: halves the side (rounding up) at stride 2."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


class Block(nn.Module):
    """Basic pre-activation block: r = s + h2, then the attention unit where there is one.

    Args:
        inputs: channels of its input.
        outputs: C, channels of its output.
        stride: 2 where the side halves.
        preactivate: False for the very first block, whose input comes from the stem's ReLU.
        attention: unit of `mer.models.attention`, or None for the plain block.
    """

    def __init__(
        self, inputs: int, outputs: int, *, stride: int, preactivate: bool, attention: nn.Module | None
    ) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs) if preactivate else None
        self.conv1 = conv3x3(inputs, outputs, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = conv3x3(outputs, outputs)
        changes = stride != 1 or inputs != outputs
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False) if changes else None
        self.attention = attention

    def forward(self, x: Tensor, tail: nn.Module | None = None) -> tuple[Tensor, Tensor | None]:
        """The block's output (N, C, H, W) and its attention map (N, 1, H, W) or None.

        Args:
            x: (N, inputs, H', W').
            tail: BN that acts, with a ReLU, on the residual sum before the attention (MEGC2019's last block).
        """
        p = x if self.bn1 is None else F.relu(self.bn1(x), inplace=True)
        h1 = F.relu(self.bn2(self.conv1(p)), inplace=True)
        h2 = self.conv2(h1)
        # as in He et al. 2016 (identity mappings): a projection sees the activated input, the identity the raw one
        s = x if self.shortcut is None else self.shortcut(p)
        r = s + h2
        if tail is not None:
            r = F.relu(tail(r), inplace=True)
        if self.attention is None:
            return r, None
        y, a = self.attention(r, s=s, h1=h1, h2=h2)
        return y, a


class MicroAttentionResNet(RecognitionNetwork):
    """Residual network whose attended stages carry an attention unit in every block or in the last one.

    BatchNorm differs from the authors' in its bookkeeping only: Caffe averages batch statistics with decay 0.999 and
    corrects for the bias of the start, torch with decay 0.9 (momentum 0.1) from 0 and 1. Training uses the batch's own
    statistics in both; after a few hundred steps the running ones agree but for their window of averaging.

    Args:
        depth: key of `BLOCKS`.
        in_channels: channels of the input.
        classes: number of logits.
        release: one of `RELEASES`.
        stages: attended stages, any of 1..4; empty is the plain network.
        unit: channels -> attention unit, called once for each block that carries one; None is the plain network too.
        last_only: whether only the last block of an attended stage carries one.
    """

    #: The last BN ends stage 4, so that with all levels but the head frozen the features stay as they are.
    PARTS: ClassVar[dict[str, tuple[str, ...]]] = {
        "stem": ("data_bn", "conv1", "bn1"),
        "layer1": ("layer1",),
        "layer2": ("layer2",),
        "layer3": ("layer3",),
        "layer4": ("layer4", "last_bn"),
        "head": ("fc",),
    }

    def __init__(
        self,
        depth: int,
        *,
        in_channels: int,
        classes: int,
        release: str,
        stages: Collection[int],
        unit: Callable[[int], nn.Module] | None,
        last_only: bool = False,
    ) -> None:
        info = [FeatureInfo(f"layer{i}", channels, 2 ** (i + 1)) for i, channels in enumerate(CHANNELS, 1)]
        super().__init__(in_channels, feature_info=info)
        self.release = release
        self.stages = () if unit is None else tuple(sorted(set(stages)))
        self.data_bn = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, CHANNELS[0], 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(CHANNELS[0])
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            self._stage(stage, count, unit if stage in self.stages else None, last_only)
            for stage, count in enumerate(BLOCKS[depth], 1)
        )
        units: list[Any] = [blocks[-1].attention for blocks in (self.layer1, self.layer2, self.layer3, self.layer4)]
        self.map_stages = tuple(stage for stage in self.stages if units[stage - 1].has_map)
        # one name in both releases, so that weights of the one start the other
        self.last_bn = nn.BatchNorm2d(CHANNELS[-1])
        self.fc = nn.Linear(CHANNELS[-1], classes)
        self._initialise()

    @staticmethod
    def _stage(stage: int, count: int, unit: Callable[[int], nn.Module] | None, last_only: bool) -> nn.ModuleList:
        """The blocks of one stage, 1..4; the first of stages 2, 3, 4 halves the side and doubles the channels."""
        outputs = CHANNELS[stage - 1]
        blocks = nn.ModuleList()
        for index in range(count):
            first, last = index == 0, index == count - 1
            grows = first and stage > 1
            blocks.append(
                Block(
                    CHANNELS[stage - 2] if grows else outputs,
                    outputs,
                    stride=2 if grows else 1,
                    preactivate=not (first and stage == 1),
                    attention=unit(outputs) if unit is not None and (last or not last_only) else None,
                )
            )
        return blocks

    def _initialise(self) -> None:
        """Draw the weights as the definitions ask, from torch's global generator; units initialise themselves."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and ".attention." not in name:
                nn.init.kaiming_normal_(module.weight, mode="fan_out" if name == "conv1" else "fan_in")
        nn.init.zeros_(self.conv1.bias)  # type: ignore[arg-type]
        draw_classifier(self.fc)

    def trunk(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features (N, 512) and the maps of `map_stages`; x has H and W of 28 or more.

        Features are averaged over the positions; in the MEGC2019 release they have length 1.
        """
        x = F.relu(self.bn1(self.conv1(self.data_bn(x))), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
        early_tail = self.release == "megc2019"
        maps: list[Tensor] = []
        for blocks in (self.layer1, self.layer2, self.layer3, self.layer4):
            a = None
            for block in blocks:
                last = block is self.layer4[-1]
                x, a = block(x, tail=self.last_bn if early_tail and last else None)
            if a is not None:
                maps.append(a)
        if early_tail:
            return F.normalize(x.mean(dim=(2, 3)), dim=1), maps
        return F.relu(self.last_bn(x), inplace=True).mean(dim=(2, 3)), maps
