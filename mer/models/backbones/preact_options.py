"""Options of the authors' pre-activation family: their values, what does not go together, the sizes that follow.

Contract: `config_errors` is that of `mer.models.backbones.registry`; `preact_resnet` makes the network.
Source: the Caffe definitions that the authors released (ResNet-10); everything else is ours.
"""

from __future__ import annotations

from mer.config import ModelConfig
from mer.models.backbones.preact_blocks import EXPANSION

#: Blocks a stage by depth; depth counts conv1, the convolutions of the blocks (two, in a bottleneck three) and the
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

#: `pool`: means over all positions. `grid`: means over each cell of a grid of GRID x GRID, which keeps places.
GRID = 4


def stage_channels(model: ModelConfig) -> tuple[int, ...]:
    """Channels of the output of stages 1 to 4."""
    expansion = EXPANSION if model.depth in BOTTLENECKS else 1
    return tuple(model.width * expansion * 2**stage for stage in range(len(CHANNELS)))


def last_side(model: ModelConfig, side: int) -> int:
    """Side of the output of stage 4 for a square input of `side` pixels."""
    if model.stem == "imagenet":
        # the convolution rounds up, the pool down: a window that would begin past the edge is none
        side = (side + 1) // 2 // 2
    return -(-side // 8)


def config_errors(model: ModelConfig, side: int | None = None) -> list[str]:
    """What is wrong with the options of this family, one sentence a key; empty where nothing is.

    Args:
        model: the configuration.
        side: of the input in pixels; None where it is not known.
    """
    found = []
    if model.depth not in BLOCKS:
        found.append(f"model.depth: expected one of {', '.join(map(str, BLOCKS))}, got {model.depth}")
    if not found and side is not None and model.head == "grid" and last_side(model, side) < GRID:
        rest = last_side(model, side)
        found.append(
            f"model.head: grid keeps {GRID}x{GRID} positions, and of an input of {side} pixels stage 4 has "
            f"{rest}x{rest} with model.stem={model.stem}; take model.stem=small or input.size=112"
        )
    return found
