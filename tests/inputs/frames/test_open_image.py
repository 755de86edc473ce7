"""Pictures from outside: upright, 8 bits, known formats, limits from the header; old cache entries miss."""

from __future__ import annotations

import io
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from mer.config import InputConfig
from mer.data.audit.frame_files import examine
from mer.data.loading.annotations import ClipAnnotation
from mer.errors import MerError, SampleError
from mer.inputs.frames.image_files import read_image
from mer.inputs.frames.open_image import ORIENTATION, reading_mark
from mer.inputs.input_arrays import compute_inputs
from mer.inputs.representations.registry import REPRESENTATIONS
from tests.inputs.conftest import table_of, texture

PIXELS = np.stack([texture(32, seed=k)[:24] for k in range(3)], axis=-1)
#: What a viewer does with each value of the tag, on the array of stored pixels.
VIEWER = {
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: lambda p: np.rot90(p),
}


def turned(path: Path, tag: int, pixels: np.ndarray = PIXELS) -> Path:
    exif = Image.Exif()
    exif[ORIENTATION] = tag
    Image.fromarray(pixels).save(path, exif=exif)
    return path


@pytest.mark.parametrize("tag", VIEWER)
@pytest.mark.parametrize("kind", ["png", "tiff", "jpg", "webp"])
def test_orientation_is_applied(tmp_path: Path, kind: str, tag: int) -> None:
    stored = tmp_path / f"plain.{kind}"
    Image.fromarray(PIXELS).save(stored)
    expected = VIEWER[tag](read_image(stored))
    np.testing.assert_array_equal(read_image(turned(tmp_path / f"x.{kind}", tag)), expected)
    assert reading_mark((tmp_path / f"x.{kind}").read_bytes()) == f"orientation={tag}".encode()
    assert reading_mark(stored.read_bytes()) == b""


def test_exif_of_a_camera_that_stands_upright_changes_no_key(tmp_path: Path) -> None:
    assert reading_mark(turned(tmp_path / "x.jpg", 1).read_bytes()) == b""


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def deep_files(folder: Path) -> dict[str, Path]:
    """Files of more than 8 bits per channel, none above 255 where that would give it away."""
    values = np.arange(24 * 24, dtype=np.uint16).reshape(24, 24) % 200
    files = {
        "png": Image.fromarray(values),
        "tif": Image.fromarray(values),
        "float.tif": Image.fromarray((values / 199).astype(np.float32)),
        "int.tif": Image.fromarray(values.astype(np.int32)),
    }
    found = {}
    for name, picture in files.items():
        found[name] = folder / f"deep.{name}"
        picture.save(found[name])
    rows = b"".join(b"\0" + struct.pack(">72H", *range(row, row + 72)) for row in range(24))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 24, 24, 16, 2, 0, 0, 0))
    found["colour png"] = folder / "colour.png"
    found["colour png"].write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    found["ppm"] = folder / "deep.ppm"
    found["ppm"].write_bytes(b"P6 24 24 65535\n" + bytes(24 * 24 * 6))
    found["pgm"] = folder / "deep.pgm"
    found["pgm"].write_bytes(b"P5 24 24 4095\n" + bytes(24 * 24 * 2))
    return found


@pytest.mark.parametrize("name", ["png", "tif", "float.tif", "int.tif", "colour png", "ppm", "pgm"])
def test_deep_frames_are_refused_by_every_input_and_by_the_audit(tmp_path: Path, name: str) -> None:
    path = deep_files(tmp_path)[name]
    with pytest.raises(SampleError, match=f"{path.name}: expected 8 bits per channel"):
        read_image(path)
    plain = tmp_path / "plain.png"
    Image.fromarray(PIXELS).save(plain)
    table = table_of([str(plain), str(path)], [str(plain), str(path)])
    for representation in REPRESENTATIONS:
        with pytest.raises(SampleError, match="expected 8 bits per channel"):
            compute_inputs(table, InputConfig(representation=representation, size=28), tmp_path / "cache")
    clip = ClipAnnotation("row 2", "1", "a", None, 1, None, "", "happiness", "", tmp_path, files={1: path})
    assert "expected 8 bits per channel" in examine(clip, read_image).unreadable[0]
    if name != "ppm" and name != "pgm":
        assert reading_mark(path.read_bytes()) == b"deep"


@pytest.mark.parametrize("mode", ["RGBA", "P", "CMYK", "LA", "1", "L", "RGB"])
def test_other_modes_are_read_as_a_viewer_shows_them(tmp_path: Path, mode: str) -> None:
    kind = "tif" if mode == "CMYK" else "png"
    source = Image.fromarray(PIXELS).convert("L") if mode == "LA" else Image.fromarray(PIXELS)
    source.convert(mode).save(tmp_path / f"x.{kind}")
    read = read_image(tmp_path / f"x.{kind}")
    grey = mode in ("LA", "1", "L")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, np.asarray(source.convert(mode).convert("L" if grey else "RGB")))
    assert reading_mark((tmp_path / f"x.{kind}").read_bytes()) == b""


def test_postscript_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n%%EOF\n")
    monkeypatch.setattr("subprocess.Popen", None)
    with pytest.raises(SampleError, match=r"x\.png: expected an image file"):
        read_image(path)


def header_only(path: Path, width: int, height: int) -> Path:
    """A PNG of so many pixels, of which nothing is there."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))))
    return path


@pytest.mark.parametrize("side", [8_500, 13_000, 60_000])
def test_pixels_are_limited_by_the_header(tmp_path: Path, side: int) -> None:
    with pytest.raises(SampleError, match="MER_LIMIT_IMAGE_PIXELS"):
        read_image(header_only(tmp_path / "x.png", side, side))


def test_limits_can_be_lifted_and_lowered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "x.png")
    monkeypatch.setenv("MER_LIMIT_IMAGE_PIXELS", "100")
    with pytest.raises(SampleError, match="set MER_LIMIT_IMAGE_PIXELS="):
        read_image(tmp_path / "x.png")
    monkeypatch.setenv("MER_LIMIT_IMAGE_PIXELS", "100000")
    np.testing.assert_array_equal(read_image(tmp_path / "x.png"), PIXELS)
    monkeypatch.setenv("MER_LIMIT_IMAGE_BYTES", "100")
    with pytest.raises(SampleError, match="set MER_LIMIT_IMAGE_BYTES="):
        read_image(tmp_path / "x.png")
    monkeypatch.setenv("MER_LIMIT_IMAGE_BYTES", "much")
    with pytest.raises(MerError, match="MER_LIMIT_IMAGE_BYTES: expected a whole number"):
        read_image(tmp_path / "x.png")


def test_sparse_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(PIXELS).save(path)
    with path.open("r+b") as file:
        file.truncate(6 << 30)
    with pytest.raises(SampleError, match=r"x\.png: bytes: expected at most 256,000,000, got 6,442"):
        compute_inputs(table_of([str(path)] * 2), InputConfig(representation="apex", size=28), tmp_path / "cache")


@pytest.mark.parametrize("kind", ["png", "gif", "tiff", "webp"])
def test_animations_are_refused(tmp_path: Path, kind: str) -> None:
    frames = [Image.fromarray(np.roll(PIXELS, 3 * k, axis=1)) for k in range(3)]
    frames[0].save(tmp_path / f"x.{kind}", save_all=True, append_images=frames[1:])
    with pytest.raises(SampleError, match="expected one picture, got 3"):
        read_image(tmp_path / f"x.{kind}")


def test_a_turned_picture_misses_the_entry_of_the_stored_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, config, cache = tmp_path / "x.png", InputConfig(representation="image", size=28), tmp_path / "cache"
    square = PIXELS[:24, :24]
    turned(path, 6, square)
    with monkeypatch.context() as patch:  # as an earlier version read it
        patch.setattr("mer.inputs.cache.file_hashes.reading_mark", lambda content: b"")
        patch.setattr(ImageOps, "exif_transpose", lambda image, in_place: None)
        before = np.array(compute_inputs(table_of([str(path)] * 2), config, cache))
    shutil.copy(path, tmp_path / "y.png")
    after = compute_inputs(table_of([str(tmp_path / "y.png")] * 2), config, cache)
    assert not np.array_equal(before, after)
    stream = io.BytesIO()
    Image.fromarray(np.rot90(square, -1)).save(stream, "png")
    (tmp_path / "upright.png").write_bytes(stream.getvalue())
    upright = compute_inputs(table_of([str(tmp_path / "upright.png")] * 2), config, cache)
    np.testing.assert_array_equal(after, upright)
