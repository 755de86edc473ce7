"""Define the backbone `resnet`, the ordinary (post-activation) residual networks with torchvision's parameter names.

Contract: that of `mer.models.backbones.registry`. Without attention the state dict has torchvision's keys and those of
`data_norm`, which has no parameters, so that the weights of a file fit by name. Source: He, Zhang, Ren, Sun, CVPR 2016,
table 1; a bottleneck has its stride in the 3x3 convolution, as in torchvision's trained weights.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from mer.config import ModelConfig
from mer.models.attention import AttentionFactory, attention_factory
from mer.models.backbones.imagenet_common import FixedNorm, features, imagenet_config_errors
from mer.models.backbones.preact_options import GRID
from mer.models.backbones.registry import BACKBONES
from mer.models.network import FeatureInfo, RecognitionNetwork, draw_classifier

#: Blocks per stage by depth (table 1 of the paper); depth counts conv1, the convolutions of the blocks, the classifier.
BLOCKS: dict[int, tuple[int, int, int, int]] = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}

#: Depths whose blocks are bottlenecks.
BOTTLENECKS = (50,)

#: Channels of the 3x3 convolutions of stages 1 to 4.
WIDTHS = (64, 128, 256, 512)

#: Fields of `ModelConfig` that this family uses.
OPTIONS = frozenset({"depth", "head", "dropout"})


class Basic(nn.Module):
    """Compute two 3x3 convolutions with attention after the residual sum r = s + h2, before the last ReLU.

    s is the shortcut (the input, or its projection after BN), h1 the first convolution after BN and ReLU, h2 the second
    after BN. Micro-attention multiplies by 1 + a > 0, so its place before or after the ReLU does not matter. Other
    units take the signed sum, as in the pre-activation family.

    Args:
        inputs: channels of the input.
        width: channels of the 3x3 convolutions.
        stride: 2 to halve the side, else 1.
        unit: factory of the attention unit; None for no attention.
    """

    #: Channels of the output divided by `width`.
    EXPANSION = 1

    def __init__(self, inputs: int, width: int, *, stride: int, unit: AttentionFactory | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _projection(inputs, width, stride)
        self.attention = None if unit is None else unit(width, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the block's output (N, C, H, W) and its attention map (N, 1, H, W) or None."""
        h1 = F.relu(self.bn1(self.conv1(x)), inplace=True)
        h2 = self.bn2(self.conv2(h1))
        s = x if self.downsample is None else self.downsample(x)
        return _close(s, h1, h2, self.attention)


class Bottleneck(nn.Module):
    """Compute a 1x1, a 3x3 and a 1x1 convolution with attention after r = s + h2, as in `Basic`.

    h1 is the 3x3 convolution, the only one over neighbours, after BN and ReLU (C/4 channels), h2 the last one after BN,
    s the shortcut. The arguments are those of `Basic`; the output has 4 times `width` channels.
    """

    EXPANSION = 4

    def __init__(self, inputs: int, width: int, *, stride: int, unit: AttentionFactory | None) -> None:
        super().__init__()
        outputs = width * self.EXPANSION
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _projection(inputs, outputs, stride)
        self.attention = None if unit is None else unit(outputs, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the block's output (N, C, H, W) and its attention map (N, 1, H, W) or None."""
        h = F.relu(self.bn1(self.conv1(x)), inplace=True)
        h1 = F.relu(self.bn2(self.conv2(h)), inplace=True)
        h2 = self.bn3(self.conv3(h1))
        s = x if self.downsample is None else self.downsample(x)
        return _close(s, h1, h2, self.attention)


def _projection(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """Return the shortcut of a block that changes the shape, a 1x1 convolution and BN; None for the identity."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))


def _close(s: Tensor, h1: Tensor, h2: Tensor, unit: nn.Module | None) -> tuple[Tensor, Tensor | None]:
    """Return output and map of a block from its sum s + h2, with attention if there is a unit, and ReLU."""
    r, a = s + h2, None
    if unit is not None:
        r, a = unit(r, s=s, h1=h1, h2=h2)
    return F.relu(r, inplace=True), a


def config_errors(model: ModelConfig, side: int | None = None) -> list[str]:
    """Return the errors in the options of this family, one sentence per key; `side` of the input may be None."""
    found = imagenet_config_errors(model, side)
    if model.depth not in BLOCKS:
        found.append(f"model.depth: expected one of 18, 34, 50 for model.backbone=resnet, got {model.depth}")
    return found


@BACKBONES.register("resnet", title="post-activation ResNet-{depth}", options=OPTIONS, config_errors=config_errors)
class ResNet(RecognitionNetwork):
    """Compute logits with ResNet-18, -34 or -50; a stage with attention has a unit in every block.

    Args:
        model: a configuration without `config_errors`.
        in_channels: channels of the input.
        classes: number of logits.
    """

    PARTS: ClassVar[dict[str, tuple[str, ...]]] = {
        "stem": ("data_norm", "conv1", "bn1"),
        "layer1": ("layer1",),
        "layer2": ("layer2",),
        "layer3": ("layer3",),
        "layer4": ("layer4",),
        "head": ("fc",),
    }

    #: Mean and standard deviation of red, green, blue in grey levels 0..255, as normalised in the training of
    #: torchvision's weights (.485, .456, .406 and .229, .224, .225 of ImageNet's training set, times 255).
    PIXELS = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))

    def __init__(self, model: ModelConfig, *, in_channels: int, classes: int) -> None:
        block: type[Basic] | type[Bottleneck] = Bottleneck if model.depth in BOTTLENECKS else Basic
        channels = (WIDTHS[0], *(width * block.EXPANSION for width in WIDTHS))
        info = [FeatureInfo(f"layer{i}", channels[i], 2 ** (i + 1)) for i in range(1, len(channels))]
        super().__init__(in_channels, feature_info=info, dropout=model.dropout)
        unit = attention_factory(model.attention)
        self.head = model.head
        self.stages = () if unit is None else tuple(sorted(set(model.attention.stages)))
        self.data_norm = FixedNorm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, WIDTHS[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        for stage, (width, count) in enumerate(zip(WIDTHS, BLOCKS[model.depth or 0], strict=True), 1):
            blocks = nn.ModuleList()
            for index in range(count):
                inputs, stride = (channels[stage - 1], min(stage, 2)) if index == 0 else (channels[stage], 1)
                blocks.append(block(inputs, width, stride=stride, unit=unit if stage in self.stages else None))
            self.add_module(f"layer{stage}", blocks)
        units: list[Any] = [self._blocks(stage)[-1].attention for stage in self.stages]
        self.map_stages = tuple(stage for stage, last in zip(self.stages, units, strict=True) if last.has_map)
        self.fc = nn.Linear(channels[-1] * (GRID**2 if model.head == "grid" else 1), classes)
        self._initialise()

    def _blocks(self, stage: int) -> Any:
        return self.get_submodule(f"layer{stage}")

    def _initialise(self) -> None:
        """Initialise the weights as in He et al. (ICCV 2015), fan-out, except those of the units."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and ".attention." not in name:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        draw_classifier(self.fc)

    def trunk(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the features (N, C) of stage 4, or (N, 16C) with `head: grid`, and the maps of `map_stages`."""
        x = F.relu(self.bn1(self.conv1(self.data_norm(x))), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        maps: list[Tensor] = []
        for stage in range(1, len(WIDTHS) + 1):
            a = None
            for block in self._blocks(stage):
                x, a = block(x)
            if a is not None:
                maps.append(a)
        return features(x, self.head), maps
