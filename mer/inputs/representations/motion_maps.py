"""Compute inputs from the motion between onset and apex: `flow`, `flow_uv`, and files with such maps, `motion_map`.

Contract: each function takes key frames by name and the configuration, and returns (C, S, S) float32, each channel
normalised separately by `standardise_channels`.
"""

from __future__ import annotations

import numpy as np

from mer.config import InputConfig
from mer.errors import SampleError
from mer.inputs.flow.dense_flow import dense_flow
from mer.inputs.frames.image_files import resize
from mer.inputs.representations.key_frames import grey_pair
from mer.inputs.representations.representation import REPRESENTATIONS, Frames
from mer.utils.optical_strain import strain


@REPRESENTATIONS.register("flow", frames=("onset", "apex"), flip_signs=(-1, 1, 1), motion=True)
def flow(frames: Frames, config: InputConfig) -> np.ndarray:
    """Return flow u (right), v (down) and strain from onset to apex (3, S, S) float32, each normalised separately.

    Strain is computed from the flow after `resize`. It is nearer to the ground truth of drawn clips than strain of the
    finer field (median correlation .82 against .78, frames of 384 pixels), whose gradients are noisier.
    """
    field = measured(frames, config)
    return standardise_channels(np.concatenate([field, strain(field)[None]]))


@REPRESENTATIONS.register("flow_uv", frames=("onset", "apex"), flip_signs=(-1, 1), motion=True)
def flow_uv(frames: Frames, config: InputConfig) -> np.ndarray:
    """Return flow u (right) and v (down) from onset to apex (2, S, S) float32, each normalised separately."""
    return standardise_channels(measured(frames, config))


@REPRESENTATIONS.register("motion_map", frames=("apex",), flip_signs=(-1, 1, 1), motion=True)
def motion_map(frames: Frames, config: InputConfig) -> np.ndarray:
    """Return u, v, strain from red, green, blue of a file (3, S, S) float32, each normalised separately."""
    pixels = frames["apex"]
    if pixels.ndim != 3:
        raise SampleError(
            f"a motion map needs three channels (u, v, strain), got an image of shape {pixels.shape}; try input=image"
        )
    return standardise_channels(np.stack([resize(pixels[..., k].astype(np.float32), config.size) for k in range(3)]))


def measured(frames: Frames, config: InputConfig) -> np.ndarray:
    """Return the flow (2, S, S) float32 of the key frames in pixels of the working side, not normalised."""
    field = dense_flow(*grey_pair(frames), method=config.flow, stabilise=config.stabilise)
    return np.stack([resize(np.ascontiguousarray(channel), config.size) for channel in field])


def standardise_channels(channels: np.ndarray) -> np.ndarray:
    """Return each channel of (C, S, S) minus its median, divided by its standard deviation, float32.

    A constant channel becomes 0. Most of a face does not move, so the median is the motion of the head (and the lost
    zero of a stretched map). The division removes intensity, which differs more between clips than between expressions.
    """
    centred = channels - np.median(channels, axis=(1, 2), keepdims=True)
    deviation = centred.std(axis=(1, 2), keepdims=True)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-6).astype(np.float32)
