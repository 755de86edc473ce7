"""Define a representation and the registry of all. A module registers one like this:

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
    """Describe one way to compute a network input from a clip.

    Attributes:
        compute: takes these frames by name, (H, W) or (H, W, 3), or the span (T, H, W[, 3]), the configuration and its
            own options; returns (C, S, S) uint8 or float32.
        frames: names of the frames it needs: `onset`, `apex`, or `span`, which is all frames from onset to apex.
        flip_signs: sign of each channel after a left-right mirror; None if no sign changes.
        is_intensity: whether the values are grey levels, so that brightness may be changed.
        motion: whether channels 0 and 1 are a vector field, whose vectors a rotation would have to turn.
        channels_known: whether the meaning of the channels is known, and so the input of a mirrored clip.
    """

    compute: Callable[..., np.ndarray]
    frames: tuple[str, ...]
    flip_signs: tuple[int, ...] | None = None
    is_intensity: bool = False
    motion: bool = False
    channels_known: bool = True

    @property
    def shows_face(self) -> bool:
        """Return whether a person may be recognised in the input: True for all but motion, to be safe."""
        return not self.motion


#: Representation by `input.representation`.
REPRESENTATIONS: Registry[Representation] = Registry("representation", "mer.inputs.representations", Representation)
