"""What the network sees of a clip: functions from key frames to an array (C, S, S), in one dictionary.

Contract: a representation looks at one clip only, so nothing here is fitted on any data; it says which frames it needs,
how a left-right mirror changes the sign of each channel, and whether brightness may be changed. `image` has as many
channels as its files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from mer.config import AugmentConfig, InputConfig
from mer.corpus.motion import strain
from mer.errors import SampleError
from mer.inputs.images import to_grey

#: Sides between which frames keep their size for flow; others are resized. Measured against the true motion of drawn
#: clips (median correlation of the strain map, 56x56): frames of 384 pixels .57 at a working side of 128, .78 at 224,
#: .77 at 256, .72 at 320; frames of 128 pixels .48 at their own side, .46 at 224, .36 at 256 (growing a frame only
#: magnifies its noise).
FLOW_SIDES = (128, 224)

#: Smallest input that the network's five halvings leave something of.
MIN_SIZE = 28


@dataclass(frozen=True)
class Representation:
    """One way to turn a clip into a network input.

    Attributes:
        frames: key frames it needs, of `onset` and `apex`.
        compute: from these frames, (H, W) or (H, W, 3), and the side S to (C, S, S) uint8 or float32.
        mirror: sign of each channel after a left-right mirror; None where nothing changes sign.
        brightness: whether the values are grey levels, whose brightness may be changed.
        motion: whether channels 0 and 1 are a vector field, which a rotation would have to turn along.
        known: whether it is known what the channels mean, and so what the input of a mirrored clip would be.
    """

    frames: tuple[str, ...]
    compute: Callable[[Mapping[str, np.ndarray], int], np.ndarray]
    mirror: tuple[int, ...] | None = None
    brightness: bool = False
    motion: bool = False
    known: bool = True


def apex(frames: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """Grey apex frame (1, S, S), raw grey levels 0..255 float32: the authors' input, which the network normalises."""
    return resize(to_grey(frames["apex"]), size)[None]


def difference(frames: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """Apex minus onset (1, S, S), signed grey levels -255..255 float32."""
    onset, apex = _grey_pair(frames)
    return resize(apex - onset, size)[None]


def flow(frames: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """Flow to the right u, downwards v, and strain, onset to apex (3, S, S) float32, each map normalised on its own.

    Strain is taken on the map's own grid, after the averaging of `resize`: nearer to the truth of drawn clips than
    strain of the finer field (median correlation .82 against .78, frames of 384 pixels), whose gradients are noisier.
    """
    field = np.stack([resize(channel, size) for channel in dense_flow(*_grey_pair(frames))])
    return normalise_map(np.concatenate([field, strain(field)[None]]))


def image(frames: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """The file as it is (1 or 3, S, S), its own values; resized only where its sides are not S."""
    pixels = frames["apex"]
    if pixels.shape[:2] != (size, size):
        pixels = resize(pixels, size)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def motion_map(frames: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """A file that holds u, v, strain in red, green, blue (3, S, S) float32, each map normalised on its own."""
    pixels = frames["apex"]
    if pixels.ndim != 3:
        raise SampleError(
            f"a motion map needs three channels (u, v, strain), got an image of shape {pixels.shape}; try input=image"
        )
    return normalise_map(np.stack([resize(pixels[..., k].astype(np.float32), size) for k in range(3)]))


#: Representation by `input.representation`.
REPRESENTATIONS: dict[str, Representation] = {
    "apex": Representation(("apex",), apex, brightness=True),
    "difference": Representation(("onset", "apex"), difference),
    "flow": Representation(("onset", "apex"), flow, mirror=(-1, 1, 1), motion=True),
    "image": Representation(("apex",), image, brightness=True, known=False),
    "motion_map": Representation(("apex",), motion_map, mirror=(-1, 1, 1), motion=True),
}


def dense_flow(onset: np.ndarray, apex: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flow u (right) and v (down), (H, W) float32 each, in pixels of the working size, from two grey frames alike.

    Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016; OpenCV's preset MEDIUM.
    """
    side = int(np.clip(max(onset.shape), *FLOW_SIDES))
    if max(onset.shape) != side or onset.shape[0] != onset.shape[1]:
        onset, apex = resize(onset, side), resize(apex, side)
    start = np.zeros((*onset.shape, 2), dtype=np.float32)
    field = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(_levels(onset), _levels(apex), start)
    return field[..., 0], field[..., 1]


def normalise_map(channels: np.ndarray) -> np.ndarray:
    """Every channel of (C, S, S) minus its median over its standard deviation, float32; a constant channel becomes 0.

    Why: most of a face does not move, so the median is the motion of the head (and the lost zero of a stretched map);
    the deviation takes away intensity, which differs between clips more than between expressions.
    """
    centred = channels - np.median(channels, axis=(1, 2), keepdims=True)
    deviation = centred.std(axis=(1, 2), keepdims=True)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-6).astype(np.float32)


def resize(pixels: np.ndarray, size: int) -> np.ndarray:
    """Square (S, S[, 3]) of the same dtype: area averages when shrinking, linear when growing."""
    shrinking = min(pixels.shape[:2]) > size
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)


def problems(config: InputConfig, augment: AugmentConfig, *, flip: bool = False) -> list[str]:
    """What is wrong with the input, its augmentation and its mirror image in tests, one sentence a key."""
    found = []
    name = config.representation
    known = REPRESENTATIONS.get(name)
    if known is None:
        found.append(f"input.representation: expected one of {', '.join(REPRESENTATIONS)}, got '{name}'")
    if config.size < MIN_SIZE:
        found.append(f"input.size: expected {MIN_SIZE} or more (the network halves it five times), got {config.size}")
    limits = {"mirror": 1.0, "probability": 1.0, "shift": 0.5, "scale": 0.5, "rotate": 180.0, "brightness": 255.0}
    for key, most in limits.items():
        value = getattr(augment, key)
        if not 0 <= value <= most:
            found.append(f"augment.{key}: expected 0..{most:g}, got {value}")
    if not 1 <= augment.enlarge <= 2:
        found.append(f"augment.enlarge: expected 1..2 (a smaller picture would have no border), got {augment.enlarge}")
    if known is not None and known.motion and augment.rotate:
        found.append(
            f"augment.rotate: expected 0 for input.representation={name}, got {augment.rotate}: u and v would have to "
            "turn with the picture, and each is scaled on its own"
        )
    if known is not None and flip and not known.known:
        found.append(
            f"evaluation.flip: expected false for input.representation={name}, got true: the channels of such files "
            "may be anything (motion to the right would change its sign), so a mirrored clip's input is not known; "
            f"take one of {', '.join(key for key, one in REPRESENTATIONS.items() if one.known)}"
        )
    if known is not None and not known.brightness and augment.brightness:
        found.append(f"augment.brightness: expected 0 for input.representation={name}, got {augment.brightness}")
    return found


def _grey_pair(frames: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Onset and apex as grey (H, W) float32; SampleError where their sizes differ or levels exceed 8 bits."""
    onset, apex = to_grey(frames["onset"]), to_grey(frames["apex"])
    if onset.shape != apex.shape:
        sizes = "onset {1}x{0} and apex {3}x{2} pixels".format(*onset.shape, *apex.shape)
        raise SampleError(f"{sizes}: expected frames of one size; crop both alike")
    brightest = max(onset.max(), apex.max())
    if brightest > 255:
        raise SampleError(f"expected grey levels 0..255, got up to {brightest:g}; convert the frames to 8 bits")
    return onset, apex


def _levels(grey: np.ndarray) -> np.ndarray:
    """Grey levels rounded to uint8, as DIS takes them."""
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)
