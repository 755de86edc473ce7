"""What a representation is, and the registry of all. The file of one adds it:

@REPRESENTATIONS.register("difference", frames=("onset", "apex"))
def difference(frames: Frames, config: InputConfig) -> np.ndarray:
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mer.utils.registry import Registry

#: Frames of a clip by name.
Frames = Mapping[str, np.ndarray]

#: Name of all frames from onset to apex among the frames that a representation needs.
SPAN = "span"


@dataclass(frozen=True)
class Representation:
    """One way to turn a clip into a network input.

    Attributes:
        compute: from these frames, (H, W) or (H, W, 3), the span (T, H, W[, 3]), the configuration and its own options
            to (C, S, S) uint8 or float32.
        frames: what it needs: of `onset` and `apex`, or `span`, all frames from the one to the other.
        flip_signs: sign of each channel after a left-right mirror; None where nothing changes sign.
        is_intensity: whether the values are grey levels, whose brightness may be changed.
        motion: whether channels 0 and 1 are a vector field, which a rotation would have to turn along.
        channels_known: whether it is known what the channels mean, and so what the input of a mirrored clip would be.
    """

    compute: Callable[..., np.ndarray]
    frames: tuple[str, ...]
    flip_signs: tuple[int, ...] | None = None
    is_intensity: bool = False
    motion: bool = False
    channels_known: bool = True

    @property
    def shows_face(self) -> bool:
        """Whether a person can be recognised in the input: everything but fields of motion, to be safe."""
        return not self.motion


#: Representation by `input.representation`.
REPRESENTATIONS: Registry[Representation] = Registry("representation", "mer.inputs.representations", Representation)
