"""Read image files into arrays and write them; a damaged file is always an error.

Contract: 8-bit values are not changed. A file that is missing, truncated, deeper than 8 bits or not an image raises a
SampleError that names its path. All inputs, the audit and manifests read images with this module. Pillow decodes, since
OpenCV fills the missing part of a truncated file with grey and gives no error.
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

    Palettes and CMYK become colour, transparency is dropped, two-level files become 0 and 255.

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
    """Return the pixels resized to (S, S[, 3]), same dtype; area averages to shrink, bilinear to enlarge."""
    shrinking = min(pixels.shape[:2]) > size
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)


def read_span(paths: Sequence[str]) -> np.ndarray:
    """Return frames (T, H, W[, 3]); raise a SampleError if one differs from the first in shape or type."""
    frames = [read_image(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if (frame.shape, frame.dtype) != (frames[0].shape, frames[0].dtype):
            raise SampleError(
                f"{path}: expected shape {frames[0].shape} as the first frame of its clip, got {frame.shape}"
            )
    return np.stack(frames)


def write_image(path: str | Path, pixels: np.ndarray) -> None:
    """Write pixels (H, W) or (H, W, 3), red first, uint8, as PNG, atomically; the same bytes for the same pixels."""
    with write_atomically(Path(path)) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")
