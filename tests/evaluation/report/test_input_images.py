from __future__ import annotations

import base64
import colorsys
import io

import numpy as np
import pytest
from PIL import Image

from mer.evaluation.report.input_images import (
    TINT,
    attention_picture,
    data_uri,
    enlarged,
    flow_colour_wheel,
    input_picture,
    is_motion,
    resized,
)


def motion(u: float, v: float) -> np.ndarray:
    """A field (3, 8, 8) that moves by (u, v) in its left half, against it in one pixel, and rests elsewhere."""
    field = np.zeros((3, 8, 8))
    field[0, :, :4], field[1, :, :4] = u, v
    field[0, 0, 7], field[1, 0, 7] = -u - 0.01, -v - 0.01
    return field


@pytest.mark.parametrize(
    ("u", "v", "hue"), [(1.0, 0.0, 0.0), (0.0, 1.0, 0.25), (-1.0, 0.0, 0.5), (0.0, -1.0, 0.75), (1.0, 1.0, 0.125)]
)
def test_motion_is_drawn_with_direction_as_hue(u: float, v: float, hue: float) -> None:
    picture = input_picture(motion(u, v))
    found, saturation, value = colorsys.rgb_to_hsv(*(picture[4, 2] / 255))
    assert found == pytest.approx(hue, abs=0.01)
    assert (saturation, value) == pytest.approx((1.0, 1.0), abs=0.01)
    assert picture[4, 6].tolist() == [255, 255, 255]


def test_the_wheel_explains_the_colours() -> None:
    picture = flow_colour_wheel(65)
    assert picture[32, 32].tolist() == [255, 255, 255]
    assert picture[0, 0].tolist() == [255, 255, 255]
    # red to the right, cyan to the left, yellow-green downwards, violet upwards, as the report says
    assert picture[32, 64].tolist() == [255, 0, 0]
    assert picture[32, 0].tolist() == [0, 255, 255]
    assert colorsys.rgb_to_hsv(*(picture[64, 32] / 255))[0] == pytest.approx(0.25, abs=0.01)
    assert colorsys.rgb_to_hsv(*(picture[0, 32] / 255))[0] == pytest.approx(0.75, abs=0.01)


def test_what_channels_mean_is_read_from_their_sign() -> None:
    assert is_motion(motion(1.0, 0.0))
    assert is_motion(motion(1.0, 0.0)[:2])
    assert not is_motion(np.abs(motion(1.0, 0.0)))
    assert not is_motion(motion(1.0, 0.0)[:1])


def test_grey_is_stretched_and_keeps_its_order() -> None:
    ramp = np.linspace(100, 140, 64 * 64).reshape(1, 64, 64)
    picture = input_picture(ramp)
    assert picture.shape == (64, 64, 3)
    assert (picture[..., 0] == picture[..., 1]).all()
    assert picture.min() == 0
    assert picture.max() == 255
    assert (np.diff(picture[..., 0].ravel().astype(int)) >= 0).all()


def test_a_difference_has_zero_in_mid_grey() -> None:
    image = np.zeros((1, 16, 16))
    image[0, :4], image[0, 8:10] = 5.0, -1.0
    picture = input_picture(image)
    assert picture[15, 0, 0] == 128
    assert picture[0, 0, 0] == 255
    assert picture[8, 0, 0] == pytest.approx(128 * 0.8, abs=1)


def test_colour_stays_colour() -> None:
    image = np.zeros((3, 8, 8))
    image[0, :4] = 200
    assert input_picture(image)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_a_constant_input_is_a_picture(channels: int) -> None:
    picture = input_picture(np.full((channels, 8, 8), 7.0))
    assert picture.dtype == np.uint8
    assert len(np.unique(picture)) == 1


@pytest.mark.parametrize("cells", [1, 2, 3, 7, 14])
def test_attention_is_strongest_at_the_highest_cell_and_absent_at_the_lowest(cells: int) -> None:
    image = np.full((1, 28, 28), 3.0)
    attention = np.linspace(0.49, 0.51, cells * cells).reshape(cells, cells)
    picture = attention_picture(image, attention).astype(int)
    untinted = attention_picture(image, np.full((cells, cells), 0.5)).astype(int)
    assert (untinted == untinted[0, 0]).all()
    assert picture[0, 0].tolist() == untinted[0, 0].tolist()
    if cells > 1:
        far = np.abs(untinted[0, 0] - TINT).sum()
        assert np.abs(picture[-1, -1] - TINT).sum() < 0.25 * far
    # flat cells: no smoothing invents detail
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) <= cells * cells


def test_attention_lies_where_the_map_is_high() -> None:
    attention = np.zeros((7, 7))
    attention[1, 5] = 1.0
    tinted = attention_picture(np.ones((1, 56, 56)), attention)
    rows, columns = np.nonzero(tinted[..., 2] < 100)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 15, 40, 47)


def test_sizes() -> None:
    picture = np.zeros((200, 100, 3), dtype=np.uint8)
    assert resized(picture, longest=128).shape == (128, 64, 3)
    assert resized(picture, longest=200) is picture
    assert enlarged(np.zeros((28, 30, 3), dtype=np.uint8), shortest=112).shape == (112, 120, 3)


def test_a_data_uri_decodes_to_the_same_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    head, body = data_uri(picture).split(",")
    assert head == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(body)))), picture)
