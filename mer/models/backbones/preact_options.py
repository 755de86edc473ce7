"""Options of the authors' pre-activation family: their values, what does not go together, the sizes that follow.

Contract: `config_errors` is that of `mer.models.backbones.registry`; `preact_resnet` makes the network.
Source: the Caffe definitions that the authors released (ResNet-10); everything else is ours.
"""

from __future__ import annotations

from typing import Any

from mer.config import ModelConfig
from mer.models.backbones.preact_blocks import EXPANSION, GROUP, NORMS

#: Blocks a stage by depth; depth counts conv1, the convolutions of the blocks (two, in a bottleneck three) and the
#: classifier.
BLOCKS: dict[int, tuple[int, int, int, int]] = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
}

#: Fields of `ModelConfig` that the family uses.
OPTIONS = frozenset({"depth", "width", "stem", "head", "norm", "dropout", "release"})

#: Depths whose blocks are bottlenecks, with `EXPANSION` times the channels.
BOTTLENECKS = (50,)

#: Channels of stages 1 to 4 in the authors' definitions.
CHANNELS = (64, 128, 256, 512)

#: `single`: single-database release. `megc2019`: last BN and ReLU before the last attention, L2-normalised features.
RELEASES = ("single", "megc2019")

#: `imagenet`: 7x7 convolution of stride 2 and 3x3 max-pool of stride 2. `small`: 3x3 convolution of stride 1, for maps
#: that are small already (28 -> 28, 14, 7, 4 in stages 1 to 4).
STEMS = ("imagenet", "small")

#: `pool_folds`: means over all positions. `grid`: means over each cell of a grid of GRID x GRID, which keeps places.
HEADS = ("pool", "grid")
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
    choices: list[tuple[str, Any, list[Any]]] = [
        ("depth", model.depth, list(BLOCKS)),
        ("stem", model.stem, list(STEMS)),
        ("head", model.head, list(HEADS)),
        ("norm", model.norm, list(NORMS)),
        ("release", model.release, list(RELEASES)),
    ]
    found = [
        f"model.{key}: expected one of {allowed}, got {value!r}"
        for key, value, allowed in choices
        if value not in allowed
    ]
    if model.width < 1:
        found.append(f"model.width: expected 1 channel or more in stage 1, got {model.width}")
    elif model.norm == "group" and model.width % GROUP:
        found.append(f"model.width: expected a multiple of {GROUP} with model.norm=group, got {model.width}")
    if not 0 <= model.dropout < 1:
        found.append(f"model.dropout: expected 0 <= value < 1, got {model.dropout}")
    if not found and side is not None and model.head == "grid" and last_side(model, side) < GRID:
        rest = last_side(model, side)
        found.append(
            f"model.head: grid keeps {GRID}x{GRID} positions, and of an input of {side} pixels stage 4 has "
            f"{rest}x{rest} with model.stem={model.stem}; take model.stem=small or input.size=112"
        )
    return found
