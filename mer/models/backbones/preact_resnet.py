"""Define the backbone `preact`, the pre-activation residual networks of the micro-attention authors.

Contract: the input has raw values (for example grey levels 0..255), which `data_bn` normalises; the output is logits.
The side of the input is 28 pixels or more. At 28 and with the ImageNet stem the last stage is 1x1, so training needs
two samples per batch. A network stores nothing between calls.
Source: the Caffe definitions that the authors released (ResNet-10, single-database and MEGC2019). Depths 18 and 34 are
the same family with more blocks per stage, 50 has bottlenecks. A block that keeps the shape takes its raw input as
shortcut.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from mer.config import ModelConfig
from mer.models.attention import attention_factory
from mer.models.backbones.grid_pooling import grid_means
from mer.models.backbones.preact_blocks import EXPANSION, Block, Bottleneck
from mer.models.backbones.preact_options import BLOCKS, BOTTLENECKS, GRID, OPTIONS, config_errors, stage_channels
from mer.models.backbones.registry import BACKBONES
from mer.models.network import FeatureInfo, RecognitionNetwork, draw_classifier


@BACKBONES.register("preact", title="ResNet-{depth}", options=OPTIONS, config_errors=config_errors)
class MicroAttentionResNet(RecognitionNetwork):
    """Compute logits with a residual network; a stage with attention has a unit in every block.

    BatchNorm differs from the authors' only in its running statistics. Caffe averages batch statistics with decay 0.999
    and corrects for the bias of the start; torch averages with decay 0.9 (momentum 0.1) from 0 and 1. Both train with
    batch statistics, and after a few hundred steps the running statistics differ only in the window of averaging.

    Args:
        model: a configuration without `config_errors`.
        in_channels: channels of the input.
        classes: number of logits.
    """

    #: The last BN belongs to stage 4, so that the features are fixed if all levels except the head are frozen.
    PARTS: ClassVar[dict[str, tuple[str, ...]]] = {
        "stem": ("data_bn", "conv1", "bn1"),
        "layer1": ("layer1",),
        "layer2": ("layer2",),
        "layer3": ("layer3",),
        "layer4": ("layer4", "last_bn"),
        "head": ("fc",),
    }

    def __init__(self, model: ModelConfig, *, in_channels: int, classes: int) -> None:
        channels = stage_channels(model)
        first = 4 if model.stem == "imagenet" else 1
        info = [FeatureInfo(f"layer{i + 1}", count, first * 2**i) for i, count in enumerate(channels)]
        super().__init__(in_channels, feature_info=info, dropout=model.dropout)
        self.release, self.stem, self.head = model.release, model.stem, model.head
        self.stages = () if attention_factory(model.attention) is None else tuple(sorted(set(model.attention.stages)))
        self.data_bn = nn.BatchNorm2d(in_channels)
        side, stride = (7, 2) if model.stem == "imagenet" else (3, 1)
        self.conv1 = nn.Conv2d(in_channels, model.width, side, stride=stride, padding=side // 2)
        self.bn1 = nn.BatchNorm2d(model.width)
        inputs = (model.width, *channels)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(model, stage, inputs=inputs[stage - 1], outputs=inputs[stage]) for stage in range(1, len(inputs))
        )
        units: list[Any] = [blocks[-1].attention for blocks in (self.layer1, self.layer2, self.layer3, self.layer4)]
        self.map_stages = tuple(stage for stage in self.stages if units[stage - 1].has_map)
        # the same name in both releases, so that weights of one can initialise the other
        self.last_bn = nn.BatchNorm2d(channels[-1])
        self.fc = nn.Linear(channels[-1] * (GRID**2 if model.head == "grid" else 1), classes)
        self._initialise()

    def _initialise(self) -> None:
        """Initialise the weights as in the definitions, from torch's global generator, except those of the units."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and ".attention." not in name:
                nn.init.kaiming_normal_(module.weight, mode="fan_out" if name == "conv1" else "fan_in")
        nn.init.zeros_(self.conv1.bias)  # type: ignore[arg-type]
        draw_classifier(self.fc)

    def trunk(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the features (N, C) of stage 4, or (N, 16C) with `head: grid`, and the maps of `map_stages`.

        In the MEGC2019 release the features have length 1. With `head: grid` this holds for the vector of all cells, so
        that the classifier takes unit vectors from either head and the cells keep their relative weights.

        Args:
            x: (N, in_channels, H, W) with H and W of 28 or more.
        """
        x = F.relu(self.bn1(self.conv1(self.data_bn(x))), inplace=True)
        if self.stem == "imagenet":
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
        if not early_tail:
            x = F.relu(self.last_bn(x), inplace=True)
        x = grid_means(x, GRID).flatten(1) if self.head == "grid" else x.mean(dim=(2, 3))
        return F.normalize(x, dim=1) if early_tail else x, maps


def _stage(model: ModelConfig, stage: int, *, inputs: int, outputs: int) -> nn.ModuleList:
    """Return the blocks of one stage, 1..4; the first block of stages 2, 3, 4 halves the side."""
    block: type[Block] | type[Bottleneck] = Bottleneck if model.depth in BOTTLENECKS else Block
    unit = attention_factory(model.attention) if stage in model.attention.stages else None
    hidden = outputs // EXPANSION if block is Bottleneck else outputs
    count = BLOCKS[model.depth or 0][stage - 1]
    blocks = nn.ModuleList()
    for index in range(count):
        blocks.append(
            block(
                inputs if index == 0 else outputs,
                outputs,
                stride=2 if index == 0 and stage > 1 else 1,
                preactivate=(stage, index) != (1, 0),
                attention=unit(outputs, hidden) if unit is not None else None,
            )
        )
    return blocks
