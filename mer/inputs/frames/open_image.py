"""Open an image file: known formats only, limits from its header, turned as its orientation says. The one way in.

Contract: nothing is decoded before format, bytes, pixels, depth and number of pictures have been looked at, and no
other program is ever started. Limits are environment variables, so that they go into no cache key:
`MER_LIMIT_IMAGE_BYTES` (of a file, default 256 million) and `MER_LIMIT_IMAGE_PIXELS` (default 64 million).
"""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from PIL import Image, ImageOps, UnidentifiedImageError

from mer.errors import MerError, SampleError
from mer.utils.limits import LimitError, limit, require_within, variable

#: Formats that Pillow decodes by itself; others may start programs (PostScript: Ghostscript).
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
#: Names and values of the limits, as `mer.utils.limits` takes them.
BYTES, PIXELS = ("image_bytes", 256_000_000), ("image_pixels", 64_000_000)
ORIENTATION = 0x0112
#: Without one of these a PNG, JPEG or WebP file says nothing of orientation.
_MARKS = (b"Exif", b"eXIf", b"EXIF", b"exif", b"rientation", b"xmp", b"XMP")


@contextmanager
def open_image(path: str | Path) -> Iterator[Image.Image]:
    """Open an image of 8 bits a channel; what it shows stands upright.

    Raises:
        SampleError: the file is missing, damaged, of another kind, above a limit, deeper than 8 bits, or an animation.
    """
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            raise SampleError(f"{path}: expected an image file, got a folder or a device")
        require_within(*BYTES, status.st_size, f"{path}: bytes")
        with Path(path).open("rb") as file:
            with _header(file) as image:
                _check_header(path, image)
                if image.format == "PNG":
                    image.verify()  # all checksums: decoding alone leaves out that of the last rows; ends the image
            file.seek(0)
            with _header(file) as image:
                ImageOps.exif_transpose(image, in_place=True)
                yield image
    except LimitError as error:
        raise SampleError(str(error)) from error
    except MerError:
        raise
    except FileNotFoundError as error:
        raise SampleError(f"no image at {path}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise SampleError(f"{path}: {error}; if the file is meant, set {variable(PIXELS[0])} to more") from error
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise SampleError(f"{path} is no image file that can be read (expected one of {known}, not empty)") from error
    # all raised on damaged content
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError) as error:
        raise SampleError(f"{path} is damaged: {error}") from error


def reading_mark(content: bytes) -> bytes:
    """Return what of a file's bytes is read in another way than its plain pixels, b"" for usual files.

    It joins the hash that cache keys are made of: pictures that are turned, and those that are refused although an
    earlier version read them, never meet an entry of that version.
    """
    tiff = content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    deep_png = content[:8] == b"\x89PNG\r\n\x1a\n" and content[24:25] == b"\x10"
    animated = b"acTL" in content[:4096] or content[:4] == b"GIF8" or content[8:12] == b"WEBP"
    if not (tiff or deep_png or animated or content[:1] == b"P" or any(mark in content for mark in _MARKS)):
        return b""
    with suppress(Exception), _header(io.BytesIO(content)) as image:  # whoever reads it says what is wrong
        marks = ["deep"] if _is_deep(image) else []
        marks += ["several"] if _pictures(image) > 1 else []
        if not marks and image.width * image.height <= limit(*PIXELS):
            turned = image.getexif().get(ORIENTATION, 1)  # decodes a PNG, whose tags may come last
            marks = [f"orientation={turned}"] if turned in range(2, 9) else []
        return ",".join(marks).encode()
    return b""


def max_bytes() -> int:
    """Return the largest size of an image file in bytes."""
    return limit(*BYTES)


def _header(file: IO[bytes]) -> Image.Image:
    """Open by the header; Pillow's own limit on pixels gives way where ours was lifted above it."""
    most = limit(*PIXELS)
    if Image.MAX_IMAGE_PIXELS is not None and most > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = most
    return Image.open(file, formats=FORMATS)


def _check_header(path: str | Path, image: Image.Image) -> None:
    require_within(*PIXELS, image.width * image.height, f"{path}: pixels")
    if _is_deep(image):
        raise SampleError(
            f"{path}: expected 8 bits a channel, got {image.mode} with deeper values, whose range is not known; "
            "convert the frames to 8 bits, all of a data set by one rule"
        )
    pictures = _pictures(image)
    if pictures > 1:
        raise SampleError(f"{path}: expected one picture, got {pictures} in one file; write each frame to a file")


def _is_deep(image: Image.Image) -> bool:
    """Whether a channel has more than 8 bits: Pillow reads deep colour too, and drops the lower bits in silence."""
    if image.mode.startswith(("I", "F")):
        return True
    if image.format == "PPM":
        return any(isinstance(part, int) and part > 255 for part in _decoder(image))
    return any(isinstance(part, str) and part.partition(";")[2].startswith(("16", "32")) for part in _decoder(image))


def _decoder(image: Image.Image) -> tuple[object, ...]:
    """What Pillow's decoder is told of the stored pixels."""
    found: list[object] = []
    for tile in getattr(image, "tile", []):
        args = tile[3]
        found += args if isinstance(args, tuple) else [args]
    return tuple(found)


def _pictures(image: Image.Image) -> int:
    """Number of pictures that are frames; the previews in a phone's JPEG (MPO) are none."""
    return 1 if image.format in ("JPEG", "MPO") else int(getattr(image, "n_frames", 1))
