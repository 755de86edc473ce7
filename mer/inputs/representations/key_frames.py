"""Compute inputs from grey levels or colours of key frames: `apex`, `apex_rgb`, `difference`, `image`.

Contract: each function takes key frames by name, (H, W) or (H, W, 3), and the configuration, and returns (C, S, S).
"""

from __future__ import annotations

import numpy as np

from mer.config import InputConfig
from mer.errors import SampleError
from mer.inputs.frames.image_files import resize, to_grey
from mer.inputs.representations.representation import REPRESENTATIONS, Frames


@REPRESENTATIONS.register("apex", frames=("apex",), is_intensity=True)
def apex(frames: Frames, config: InputConfig) -> np.ndarray:
    """Return the grey apex frame (1, S, S), grey levels 0..255 float32; the network normalises them."""
    return resize(to_grey(frames["apex"]), config.size)[None]


@REPRESENTATIONS.register("apex_rgb", frames=("apex",), is_intensity=True)
def apex_rgb(frames: Frames, config: InputConfig) -> np.ndarray:
    """Return the apex frame in colour (3, S, S), levels 0..255 float32, red first; a grey file is repeated."""
    pixels = frames["apex"].astype(np.float32)
    colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(resize(colour, config.size).transpose(2, 0, 1))


@REPRESENTATIONS.register("difference", frames=("onset", "apex"))
def difference(frames: Frames, config: InputConfig) -> np.ndarray:
    """Return apex minus onset (1, S, S), signed grey levels -255..255 float32."""
    onset, apex = grey_pair(frames)
    return resize(apex - onset, config.size)[None]


@REPRESENTATIONS.register("image", frames=("apex",), is_intensity=True, channels_known=False)
def image(frames: Frames, config: InputConfig) -> np.ndarray:
    """Return the values of the file unchanged (1 or 3, S, S); it is resized only if its sides are not S."""
    pixels = frames["apex"]
    if pixels.shape[:2] != (config.size, config.size):
        pixels = resize(pixels, config.size)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def grey_pair(frames: Frames) -> tuple[np.ndarray, np.ndarray]:
    """Return onset and apex as grey (H, W) float32; raise a SampleError if their sizes differ."""
    onset, apex = to_grey(frames["onset"]), to_grey(frames["apex"])
    if onset.shape != apex.shape:
        sizes = "onset {1}x{0} and apex {3}x{2} pixels".format(*onset.shape, *apex.shape)
        raise SampleError(f"{sizes}: expected frames of one size; crop both alike")
    return onset, apex
