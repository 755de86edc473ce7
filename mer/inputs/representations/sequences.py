"""Compute inputs from all frames between onset and apex: `stack`, some of the frames, and `dynamic`, one image.

Contract: each function takes `frames["span"]`, (T, H, W) or (T, H, W, 3) in order of time, and the configuration, and
returns (C, S, S).
"""

from __future__ import annotations

import numpy as np

from mer.config import InputConfig
from mer.inputs.frames.image_files import resize, to_grey
from mer.inputs.representations.motion_maps import standardise_channels
from mer.inputs.representations.representation import REPRESENTATIONS, SPAN, Frames


@REPRESENTATIONS.register("stack", frames=(SPAN,), is_intensity=True)
def stack(frames: Frames, config: InputConfig) -> np.ndarray:
    """Return `config.frames` grey frames, evenly spaced from onset to apex (T, S, S), grey levels 0..255 float32.

    A position between two frames takes the nearer one, so a short span repeats some frames.
    """
    span = frames["span"]
    places = np.rint(np.linspace(0, len(span) - 1, config.frames)).astype(int)
    return np.stack([resize(to_grey(span[place]), config.size) for place in places])


@REPRESENTATIONS.register("dynamic", frames=(SPAN,))
def dynamic(frames: Frames, config: InputConfig) -> np.ndarray:
    """Return the dynamic image of the grey frames from onset to apex (1, S, S) float32, normalised.

    Later frames have positive weights. A span without change gives zeros. Source: Bilen, Fernando, Gavves, Vedaldi,
    Gould, Dynamic Image Networks for Action Recognition, CVPR 2016, approximate rank pooling.
    """
    span = frames["span"]
    pooled = np.zeros(span.shape[1:3], dtype=np.float32)
    for weight, frame in zip(rank_weights(len(span)), span, strict=True):
        pooled += np.float32(weight) * to_grey(frame)
    return standardise_channels(resize(pooled, config.size)[None])


def rank_weights(count: int) -> np.ndarray:
    """Return the weights (T,) of frames 1..T, 2 (T - t + 1) - (T + 1) (H_T - H_(t-1)) with harmonic numbers H_t.

    Their sum is 0. They sum the differences of later and earlier running means over all pairs, equation 4 of Bilen et
    al.
    """
    times = np.arange(1, count + 1)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / times)])
    return 2 * (count - times + 1) - (count + 1) * (harmonic[-1] - harmonic[:-1])
