"""Check the options of the pre-activation family with `config_errors`, and compute the sizes that follow from them.

Contract: `config_errors` is registered in `mer.models.backbones.registry`; `preact_resnet` makes the network.
Source: the Caffe definitions that the authors released (ResNet-10); other depths and options are our own.
"""

from __future__ import annotations

from mer.config import ModelConfig
from mer.models.backbones.preact_blocks import EXPANSION

#: Blocks per stage by depth; depth counts conv1, the convolutions of the blocks (two, or three in a bottleneck) and the
#: classifier.
BLOCKS: dict[int, tuple[int, int, int, int]] = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
}

#: Fields of `ModelConfig` that the family uses.
OPTIONS = frozenset({"depth", "width", "stem", "head", "dropout", "release"})

#: Depths whose blocks are bottlenecks, with `EXPANSION` times the channels.
BOTTLENECKS = (50,)

#: Channels of stages 1 to 4 in the authors' definitions.
CHANNELS = (64, 128, 256, 512)

#: `single`: single-database release. `megc2019`: last BN and ReLU before the last attention, L2-normalised features.
RELEASES = ("single", "megc2019")

#: Cells per side with `head: grid`, which averages over each cell and so keeps positions; `pool` averages over all.
GRID = 4


def stage_channels(model: ModelConfig) -> tuple[int, ...]:
    """Return the output channels of stages 1 to 4."""
    expansion = EXPANSION if model.depth in BOTTLENECKS else 1
    return tuple(model.width * expansion * 2**stage for stage in range(len(CHANNELS)))


def last_side(model: ModelConfig, side: int) -> int:
    """Return the side of the output of stage 4 for a square input of `side` pixels."""
    if model.stem == "imagenet":
        # the convolution rounds up; the pool rounds down, since no window begins past the edge
        side = (side + 1) // 2 // 2
    return -(-side // 8)


def config_errors(model: ModelConfig, side: int | None = None) -> list[str]:
    """Return the errors in the options of this family, one sentence per key; empty if there are none.

    Args:
        model: the configuration.
        side: side of the input in pixels; None if unknown.
    """
    found = []
    if model.depth not in BLOCKS:
        found.append(f"model.depth: expected one of {', '.join(map(str, BLOCKS))}, got {model.depth}")
    if not found and side is not None and model.head == "grid" and last_side(model, side) < GRID:
        rest = last_side(model, side)
        found.append(
            f"model.head: grid expects {GRID}x{GRID} positions or more in stage 4, got {rest}x{rest} from an input of "
            f"{side} pixels with model.stem={model.stem}; set model.stem=small or input.size=112"
        )
    return found
