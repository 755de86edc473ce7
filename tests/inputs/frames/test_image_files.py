"""Image files are read whole and as they are, or refused by name."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mer.errors import SampleError
from mer.inputs.frames.image_files import read_image, to_grey
from tests.inputs.conftest import texture

GREY = texture(24)
COLOUR = np.stack([texture(24, seed=k) for k in range(3)], axis=-1)


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


FILES = {
    (kind, name): encoded(p, kind) for kind in ("png", "jpeg", "bmp") for name, p in (("grey", GREY), ("rgb", COLOUR))
}


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_values_are_kept_and_red_comes_first(tmp_path: Path, kind: str, pixels: np.ndarray) -> None:
    path = tmp_path / f"x.{kind}"
    Image.fromarray(pixels).save(path)
    np.testing.assert_array_equal(read_image(path), pixels)


def test_palettes_transparency_and_two_levels(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).convert("RGBA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), COLOUR)
    Image.fromarray(GREY).convert("LA").save(tmp_path / "la.png")
    np.testing.assert_array_equal(read_image(tmp_path / "la.png"), GREY)
    Image.fromarray(GREY > 128).save(tmp_path / "two.png")
    np.testing.assert_array_equal(read_image(tmp_path / "two.png"), (GREY > 128) * np.uint8(255))
    palette = Image.fromarray(COLOUR).quantize(8)
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), np.asarray(palette.convert("RGB")))


def test_any_path_that_the_system_allows(tmp_path: Path) -> None:
    path = tmp_path / "Ausdrücke 表情" / "été 1.png"
    path.parent.mkdir()
    Image.fromarray(GREY).save(path)
    np.testing.assert_array_equal(read_image(str(path)), GREY)


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_a_cut_file_is_refused_or_complete_never_half(tmp_path: Path, kind: str, name: str) -> None:
    whole = FILES[kind, name]
    path = tmp_path / f"x.{kind}"
    path.write_bytes(whole)
    expected = read_image(path)
    refused, lengths = 0, [*range(0, len(whole) - 40, 11), *range(len(whole) - 40, len(whole))]
    for length in lengths:
        path.write_bytes(whole[:length])
        try:
            np.testing.assert_array_equal(read_image(path), expected)
        except SampleError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused >= len(lengths) - 24  # only checksums and the mark of the end may be lacking


@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_png_is_refused_or_complete(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(FILES["png", "rgb"])
    start = content.index(b"IHDR")
    place = data.draw(st.integers(start, len(content) - 13))  # the end chunk holds nothing
    content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("damaged") / "x.png"
    path.write_bytes(content)
    try:
        np.testing.assert_array_equal(read_image(path), COLOUR)
    except SampleError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_other_files_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(SampleError, match=r"x\.png"):
        read_image(tmp_path / "x.png")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"no image at .*x\.png"):
        read_image(tmp_path / "x.png")
    with pytest.raises(SampleError, match=str(tmp_path)):
        read_image(tmp_path)


def test_grey_is_that_of_opencv() -> None:
    np.testing.assert_allclose(to_grey(COLOUR), cv2.cvtColor(COLOUR, cv2.COLOR_RGB2GRAY), atol=0.51)
    np.testing.assert_array_equal(to_grey(GREY), GREY)
