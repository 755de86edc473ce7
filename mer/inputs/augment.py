"""Random changes of a training input, through albumentations, the same for the same seed in any process.

Contract: `Augmenter(x, seed)` is a function of its arguments. albumentations 2.0.8 keeps a generator of its own that no
outside seed reaches: with loader processes every epoch would repeat itself and all processes would draw alike. So it is
seeded for each sample (about 0.1 ms), and the number of loader processes cannot change a number.
"""

from __future__ import annotations

import os

# albumentations asks the network for its newest version at import unless told not to
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations
import cv2
import numpy as np

from mer.config import AugmentConfig
from mer.inputs.represent import Representation


class SignedMirror(albumentations.HorizontalFlip):
    """Left-right mirror that also multiplies each channel by a sign: mirrored motion to the right is motion to the left."""

    def __init__(self, signs: tuple[int, ...], p: float) -> None:
        super().__init__(p=p)
        self.signs = signs

    def apply(self, img: np.ndarray, **params: object) -> np.ndarray:
        """Mirrored (H, W, C) with signs applied."""
        return super().apply(img, **params) * np.asarray(self.signs, dtype=img.dtype)


class BrightnessShift(albumentations.ImageOnlyTransform):
    """Adds one value, drawn from -level..level grey levels, to the whole image; may leave 0..255 rather than clip a face."""

    def __init__(self, level: float, p: float) -> None:
        super().__init__(p=p)
        self.level = level

    def get_params(self) -> dict[str, float]:
        """The shift in grey levels."""
        return {"shift": self.py_random.uniform(-self.level, self.level)}

    def apply(self, img: np.ndarray, shift: float = 0.0, **params: object) -> np.ndarray:
        """Shifted (H, W, C)."""
        return img + np.float32(shift)


class Augmenter:
    """Mirror, shift, scale, rotation and brightness as configured; what is 0 is left out, not drawn and wasted."""

    def __init__(self, config: AugmentConfig, representation: Representation) -> None:
        steps: list[albumentations.BasicTransform] = []
        if config.mirror:
            signs = representation.mirror
            steps.append(SignedMirror(signs, config.mirror) if signs else albumentations.HorizontalFlip(p=config.mirror))
        if config.shift or config.scale or config.rotate:
            steps.append(
                albumentations.Affine(
                    translate_percent=(-config.shift, config.shift),
                    scale=(1 - config.scale, 1 + config.scale),
                    rotate=(-config.rotate, config.rotate),
                    interpolation=cv2.INTER_LINEAR,
                    border_mode=cv2.BORDER_REPLICATE,
                    p=config.probability,
                )
            )
        if config.brightness:
            steps.append(BrightnessShift(config.brightness, config.probability))
        self.compose = albumentations.Compose(steps) if steps else None

    def __call__(self, x: np.ndarray, seed: int) -> np.ndarray:
        """Changed copy (C, H, W) float32 of x, or x as float32 where nothing is configured."""
        x = np.asarray(x, dtype=np.float32)
        if self.compose is None:
            return x
        self.compose.set_random_seed(seed)
        image = np.ascontiguousarray(x.transpose(1, 2, 0))
        return np.ascontiguousarray(self.compose(image=image)["image"].transpose(2, 0, 1))
