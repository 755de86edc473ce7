"""Image files into arrays: strictly, so that a damaged file is never half a face.

Contract: 8-bit values are kept as they are; a file that is missing, truncated, deeper or no image is a SampleError
naming its path. One rule for all inputs, the audit and manifests, for all of them read here.
Pillow and not OpenCV decodes, since OpenCV fills what a truncated file lacks with grey and says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mer.errors import SampleError
from mer.inputs.frames.open_image import open_image
from mer.utils.atomic_files import write_atomically
from mer.utils.timing import DECODING, timed


@timed(DECODING)
def read_image(path: str | Path) -> np.ndarray:
    """Return pixels (H, W) for one channel or (H, W, 3) for colour, red first; uint8 0..255, turned upright.

    Palettes and CMYK become colour, transparency is left out, two-level files become 0 and 255.

    Raises:
        SampleError: see `open_image`.
    """
    with open_image(path) as image:
        if image.mode == "1":
            return np.asarray(image.convert("L"))
        if image.mode in ("L", "LA"):
            return np.asarray(image.getchannel(0))
        return np.asarray(image.convert("RGB"))


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """Return grey values (H, W) float32 from (H, W) or (H, W, 3), 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)."""
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    return pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def resize(pixels: np.ndarray, size: int) -> np.ndarray:
    """Return a square (S, S[, 3]) of the same dtype, by area averages when shrinking, linear when growing."""
    shrinking = min(pixels.shape[:2]) > size
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)


def read_span(paths: Sequence[str]) -> np.ndarray:
    """Return frames (T, H, W[, 3]); raise a SampleError if one differs from the first in shape or type."""
    frames = [read_image(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if (frame.shape, frame.dtype) != (frames[0].shape, frames[0].dtype):
            raise SampleError(
                f"{path}: expected a frame as the first of its clip, {frames[0].shape}, got {frame.shape}"
            )
    return np.stack(frames)


def write_image(path: str | Path, pixels: np.ndarray) -> None:
    """Write pixels (H, W) or (H, W, 3), red first, uint8, as PNG, atomically; the same bytes for the same pixels."""
    with write_atomically(Path(path)) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")
