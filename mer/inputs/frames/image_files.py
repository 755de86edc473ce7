"""Image files into arrays: strictly, so that a damaged file is never half a face.

Contract: values are kept as they are; a file that is missing, truncated or no image is a SampleError naming its path.
Pillow and not OpenCV decodes, since OpenCV fills what a truncated file lacks with grey and says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from mer.errors import SampleError
from mer.utils.timing import DECODING, timed

#: Pillow's modes that hold one number a pixel as it was measured.
GREY_MODES = ("L", "I", "I;16", "I;16B", "I;16L", "F")


@timed(DECODING)
def read_image(path: str | Path) -> np.ndarray:
    """Pixels (H, W) for one channel or (H, W, 3) for colour, red first; uint8, or float32 for deeper files.

    Palettes become colour, transparency is left out, two-level files become 0 and 255.

    Raises:
        SampleError: the file is missing, truncated, or no image.
    """
    try:
        with Image.open(path) as image:
            if image.format == "PNG":
                image.verify()  # all checksums: decoding alone leaves out that of the last rows; ends the file object
        with Image.open(path) as image:
            if image.mode == "1":
                return np.asarray(image.convert("L"))
            if image.mode == "LA":
                return np.asarray(image.getchannel(0))
            if image.mode in GREY_MODES:
                pixels = np.asarray(image)
                return pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32)
            return np.asarray(image.convert("RGB"))
    except FileNotFoundError as error:
        raise SampleError(f"no image at {path}") from error
    except UnidentifiedImageError as error:
        raise SampleError(f"{path} is no image file that can be read (empty, or another kind of file)") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # all raised on damaged content
        raise SampleError(f"{path} is damaged: {error}") from error


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """Grey values (H, W) float32 of (H, W) or (H, W, 3): 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)."""
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    return pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def resize(pixels: np.ndarray, size: int) -> np.ndarray:
    """Square (S, S[, 3]) of the same dtype: area averages when shrinking, linear when growing."""
    shrinking = min(pixels.shape[:2]) > size
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)


def read_span(paths: Sequence[str]) -> np.ndarray:
    """Frames (T, H, W[, 3]) of one kind; SampleError where one differs from the first."""
    frames = [read_image(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if (frame.shape, frame.dtype) != (frames[0].shape, frames[0].dtype):
            raise SampleError(
                f"{path}: expected a frame as the first of its clip, {frames[0].shape}, got {frame.shape}"
            )
    return np.stack(frames)
