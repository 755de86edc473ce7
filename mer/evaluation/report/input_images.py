"""Network inputs and attention maps as small RGB pictures.

Contract: inputs are float (C, H, W) as the network saw them, pictures uint8 (H, W, 3). What a channel means is read
from its values: motion is signed, so two or three channels with negative values are (u, v[, strain]), drawn as a
colour wheel; one signed channel is a difference with zero in mid grey; without negative values it is grey or colour.
"""

from __future__ import annotations

import base64

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.colors import hsv_to_rgb

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

#: Colour of attention: an orange that no motion hue at low saturation and no grey comes near.
TINT = np.array([217, 72, 15])
#: Share of the tint where a map is highest; below 1, so that the input stays visible.
OPACITY = 0.8
#: Percent of the values that may lie beyond the ends of a scale, so that one pixel does not set it.
CLIP = 1.0


def is_motion(image: npt.NDArray) -> bool:
    """Return whether an input (C, H, W) is a field (u, v[, strain]): two or three channels with negative values."""
    return image.shape[0] in (2, 3) and bool((image[:2] < 0).any())


def input_picture(image: npt.NDArray) -> Picture:
    """Return an input (C, H, W) as a picture: motion by colour wheel, differences around mid grey, others stretched."""
    image = np.asarray(image, dtype=np.float64)
    if is_motion(image):
        return _wheel_colours(image[0], image[1])
    if image.shape[0] == 3:
        return _to_bytes(_stretch(image).transpose(1, 2, 0))
    grey = image.mean(axis=0)
    if (grey < 0).any():
        reach = max(float(np.percentile(np.abs(grey), 100 - CLIP)), 1e-12)
        return _grey(0.5 + 0.5 * grey / reach)
    return _grey(_stretch(grey))


def attention_picture(image: npt.NDArray, attention: npt.NDArray) -> Picture:
    """An attention map (h, w) in orange over the input (C, H, W) in pale grey.

    The map is stretched from its own lowest to its own highest value, so tints of two maps do not compare: give the
    range beside it. Each cell is drawn as it is, without smoothing; a map of one value has no tint.
    """
    height, width = image.shape[1:]
    base = 255 - 0.55 * (255 - _ink(np.asarray(image, dtype=np.float64)).astype(np.float64))
    low, high = float(attention.min()), float(attention.max())
    cells = (attention - low) / (high - low) if high > low else np.zeros(attention.shape)
    rows = np.arange(height) * cells.shape[0] // height
    columns = np.arange(width) * cells.shape[1] // width
    share = OPACITY * cells[rows][:, columns, None]
    return np.rint((1 - share) * base[:, :, None] + share * TINT).astype(np.uint8)


def flow_colour_wheel(size: int) -> Picture:
    """Return the colour wheel of motion (size, size, 3): hue is direction, saturation is speed, white is no motion."""
    axis = np.linspace(-1, 1, size)
    u, v = np.meshgrid(axis, axis)
    inside = np.hypot(u, v) <= 1
    return _wheel_colours(np.where(inside, u, 0.0), np.where(inside, v, 0.0))


def resized(picture: npt.NDArray, *, longest: int) -> npt.NDArray:
    """Return a picture or map with its longest side at most `longest` pixels, by averaging."""
    height, width = picture.shape[:2]
    factor = longest / max(height, width)
    if factor >= 1:
        return picture
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(picture.dtype)


def enlarged(picture: Picture, *, shortest: int) -> Picture:
    """Return the picture with pixels repeated until its shortest side is at least `shortest` pixels."""
    times = -(-shortest // min(picture.shape[:2]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def data_uri(picture: Picture) -> str:
    """Return the picture as a PNG `data:` URL; equal pictures give equal bytes."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return f"data:image/png;base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}"


def _wheel_colours(u: Floats, v: Floats) -> Picture:
    """Return hue by the direction of (u, v), saturation by its length relative to the `CLIP` percentile."""
    length = np.hypot(u, v)
    reach = max(float(np.percentile(length, 100 - CLIP)), 1e-12)
    hue = (np.arctan2(v, u) / (2 * np.pi)) % 1.0
    return _to_bytes(hsv_to_rgb(np.stack([hue, np.clip(length / reach, 0, 1), np.ones_like(hue)], axis=-1)))


def _ink(image: Floats) -> npt.NDArray[np.uint8]:
    """Return the lightness (H, W) of an input; for motion, longer is darker."""
    if is_motion(image):
        return 255 - _grey(_stretch(np.hypot(image[0], image[1])))[:, :, 0]
    return cv2.cvtColor(input_picture(image), cv2.COLOR_RGB2GRAY).astype(np.uint8)


def _stretch(values: Floats) -> Floats:
    """Map values to 0..1 between their `CLIP` and 100 - `CLIP` percentiles; a constant becomes 0.5."""
    low, high = np.percentile(values, [CLIP, 100 - CLIP])
    return (values - low) / (high - low) if high > low else np.full(values.shape, 0.5)


def _grey(values: Floats) -> Picture:
    return _to_bytes(np.repeat(values[:, :, None], 3, axis=2))


def _to_bytes(values: Floats) -> Picture:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
