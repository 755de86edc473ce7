"""Define what every source of frames gives: `FrameSource` and its `VideoFrame`; `open_source` makes one.

Contract: opening looks at the header only; iterating reads frame by frame and keeps none, so memory does not grow with
length. What is odd about a source (declared frames that are not there, time stamps that do not rise) is a sentence in
`notes` once iteration ended, never a failure; a source without a single frame is a `VideoError`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from mer.errors import MerError


class VideoError(MerError):
    """No frame can be read from a source; names it and what to do."""


@dataclass(frozen=True)
class VideoFrame:
    """Store one frame.

    Attributes:
        index: from 0.
        time: seconds from the first frame.
        pixels: (H, W, 3) uint8, red first, upright.
    """

    index: int
    time: float
    pixels: np.ndarray


@dataclass
class FrameSource(ABC):
    """Frames that are read when they are asked for.

    Attributes:
        name: how messages and tables call it.
        frames: number of frames that its header declares; 0 where it does not. Only good for a progress bar.
        rate: frames a second that its header declares; 0 where it does not.
        notes: what was odd, one sentence each; whole after the last frame.
    """

    name: str
    frames: int = 0
    rate: float = 0.0
    notes: list[str] = field(default_factory=list)

    @abstractmethod
    def __iter__(self) -> Iterator[VideoFrame]:
        """Read from the first frame to the last one that can be read; raise a VideoError where there is none."""
