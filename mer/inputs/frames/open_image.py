"""Open an image file of a known format, check its limits, and turn it upright; nothing else opens images.

Contract: nothing is decoded before format, bytes, pixels, depth and number of pictures are checked, and no other
program is ever started. Limits are environment variables, since they must not be part of a cache key:
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
#: Names and default values of the limits, see `mer.utils.limits`.
BYTES, PIXELS = ("image_bytes", 256_000_000), ("image_pixels", 64_000_000)
ORIENTATION = 0x0112
#: A PNG, JPEG or WebP file without any of these bytes has no orientation.
_MARKS = (b"Exif", b"eXIf", b"EXIF", b"exif", b"rientation", b"xmp", b"XMP")


@contextmanager
def open_image(path: str | Path) -> Iterator[Image.Image]:
    """Open an image of 8 bits per channel, turned upright.

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
                    image.verify()  # decoding alone does not check the last rows; the image is unusable afterwards
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
        raise SampleError(f"{path}: {error}; if you trust the file, set {variable(PIXELS[0])} to more") from error
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise SampleError(f"{path}: expected an image file ({known}, not empty), got another format") from error
    # all raised on damaged content
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError) as error:
        raise SampleError(f"{path} is damaged: {error}") from error


def reading_mark(content: bytes) -> bytes:
    """Return a text for a file that is not read as its plain pixels, such as `orientation=6`; b"" for others.

    It is hashed with the file's bytes: earlier versions did not turn or refuse such files, so their cache entries must
    not be used.
    """
    tiff = content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    deep_png = content[:8] == b"\x89PNG\r\n\x1a\n" and content[24:25] == b"\x10"
    animated = b"acTL" in content[:4096] or content[:4] == b"GIF8" or content[8:12] == b"WEBP"
    if not (tiff or deep_png or animated or content[:1] == b"P" or any(mark in content for mark in _MARKS)):
        return b""
    with suppress(Exception), _header(io.BytesIO(content)) as image:  # `open_image` raises the error
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
    """Open an image and read its header; raise Pillow's own limit on pixels if the user set a higher one."""
    most = limit(*PIXELS)
    if Image.MAX_IMAGE_PIXELS is not None and most > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = most
    return Image.open(file, formats=FORMATS)


def _check_header(path: str | Path, image: Image.Image) -> None:
    require_within(*PIXELS, image.width * image.height, f"{path}: pixels")
    if _is_deep(image):
        raise SampleError(
            f"{path}: expected 8 bits per channel, got {image.mode} with deeper values, whose range is not known; "
            "convert all frames of the data set to 8 bits in the same way"
        )
    pictures = _pictures(image)
    if pictures > 1:
        raise SampleError(f"{path}: expected one picture, got {pictures}; write each frame to a file of its own")


def _is_deep(image: Image.Image) -> bool:
    """Return whether a channel has more than 8 bits; Pillow would drop the lower bits of colour without an error."""
    if image.mode.startswith(("I", "F")):
        return True
    if image.format == "PPM":
        return any(isinstance(part, int) and part > 255 for part in _decoder(image))
    return any(isinstance(part, str) and part.partition(";")[2].startswith(("16", "32")) for part in _decoder(image))


def _decoder(image: Image.Image) -> tuple[object, ...]:
    """Return the arguments of Pillow's decoder, which describe the stored pixels."""
    found: list[object] = []
    for tile in getattr(image, "tile", []):
        args = tile[3]
        found += args if isinstance(args, tuple) else [args]
    return tuple(found)


def _pictures(image: Image.Image) -> int:
    """Return the number of frames in the file; the previews in a phone's JPEG (MPO) do not count."""
    return 1 if image.format in ("JPEG", "MPO") else int(getattr(image, "n_frames", 1))
