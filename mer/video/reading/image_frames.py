"""Read images as the frames of a video: the images of a folder, or a list of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer.errors import SampleError
from mer.inputs.frames.image_files import read_image
from mer.protocols.fold import natural_key
from mer.video.reading.frame_source import FrameSource, VideoFrame

#: Endings of images; what else lies in a folder of frames is no frame.
IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
#: `img46 (1).jpg` is a copy made by a file manager, not a frame.
COPY = re.compile(r"\(\d+\)$")


@dataclass
class ImageFiles(FrameSource):
    """Images as frames, in the order given, `rate` a second."""

    paths: Sequence[Path] = ()

    def __iter__(self) -> Iterator[VideoFrame]:
        self.notes.clear()
        shape: tuple[int, ...] = ()
        for index, path in enumerate(self.paths):
            pixels = read_image(path)
            pixels = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
            if shape and pixels.shape != shape:
                raise SampleError(f"{path}: expected a frame as the first one, {shape[:2]}, got {pixels.shape[:2]}")
            shape = pixels.shape
            yield VideoFrame(index, index / self.rate, pixels)


def images_in(folder: Path) -> list[Path]:
    """Return the images in a folder, img2 before img10; hidden files and a file manager's copies are no frames."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in IMAGES and path.is_file()]
    kept = [path for path in found if not path.name.startswith(".") and not COPY.search(path.stem)]
    return sorted(kept, key=lambda path: natural_key(path.name))
