"""Augment a training input with albumentations; the same seed gives the same result in any process.

Contract: the result of an `Augmenter` depends only on the input and the seed. albumentations 2.0.8 draws from its own
generator, which no global seed reaches: with loader processes every epoch would be the same, and so would all
processes. So it is seeded for each sample (6 us, against 50 us with `set_random_seed`), and the number of loader
processes does not matter.
"""

from __future__ import annotations

import math
import os
import random
from typing import Any

# albumentations asks the network for its newest version at import unless told not to
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations
import cv2
import numpy as np

from mer.config import AugmentConfig
from mer.inputs.representations.registry import Representation


class SignedHorizontalFlip(albumentations.HorizontalFlip):
    """Mirror left-right and multiply each channel by a sign, so that motion to the right becomes motion to the left."""

    def __init__(self, signs: tuple[int, ...], p: float) -> None:
        super().__init__(p=p)
        self.signs = np.asarray(signs, dtype=np.float32)

    def apply(self, img: np.ndarray, **params: object) -> np.ndarray:
        """Return the mirrored image (H, W, C), multiplied by the signs."""
        return super().apply(img, **params) * self.signs


class AffineWarp(albumentations.ImageOnlyTransform):
    """Rotate and scale about the centre and shift, in one bilinear warp with repeated border.

    `albumentations.Affine` rounds shifts towards zero to whole pixels (a shift of up to 5% of a 28-pixel map becomes
    none in 7 of 10 draws) and takes four times as long.
    """

    def __init__(self, *, shift: float, scale: float, rotate: float, p: float, enlarge: float = 1.0) -> None:
        super().__init__(p=p)
        self.shift, self.scale, self.rotate, self.enlarge = shift, scale, rotate, enlarge

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, np.ndarray]:
        """Draw the matrix (2, 3) that maps a pixel (x, y, 1) of the input to the output."""
        height, width = params["shape"][:2]
        draw = self.py_random.uniform
        angle = math.radians(draw(-self.rotate, self.rotate))
        scale = self.enlarge * (1 + draw(-self.scale, self.scale))
        right, down = draw(-self.shift, self.shift) * width, draw(-self.shift, self.shift) * height
        c, s = scale * math.cos(angle), scale * math.sin(angle)
        x, y = (width - 1) / 2, (height - 1) / 2
        return {"matrix": np.array([[c, -s, x - c * x + s * y + right], [s, c, y - s * x - c * y + down]])}

    def apply(self, img: np.ndarray, matrix: np.ndarray, **params: object) -> np.ndarray:
        """Return the warped image (H, W, C) of at most four channels."""
        size = (img.shape[1], img.shape[0])
        warped = cv2.warpAffine(img, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return warped.reshape(img.shape)  # OpenCV drops the axis of a single channel


class BrightnessShift(albumentations.ImageOnlyTransform):
    """Add one value, drawn from -level..level grey levels, to all pixels, without clipping to 0..255."""

    def __init__(self, level: float, p: float) -> None:
        super().__init__(p=p)
        self.level = level

    def get_params(self) -> dict[str, float]:
        """Draw the shift in grey levels."""
        return {"shift": self.py_random.uniform(-self.level, self.level)}

    def apply(self, img: np.ndarray, shift: float = 0.0, **params: object) -> np.ndarray:
        """Return the shifted image (H, W, C)."""
        return img + np.float32(shift)


class Augmenter:
    """Apply mirror, warp and brightness as configured; a step with value 0 is left out.

    Measured on one CPU thread, (3, S, S) with mirror, shift and scale: 34 us at S = 28, 66 us at 56, 0.8 ms at 224.
    """

    def __init__(self, config: AugmentConfig, representation: Representation) -> None:
        steps: list[albumentations.BasicTransform] = []
        if config.mirror:
            signs, p = representation.flip_signs, config.mirror
            steps.append(SignedHorizontalFlip(signs, p) if signs else albumentations.HorizontalFlip(p=p))
        if config.shift or config.scale or config.rotate or config.enlarge != 1:
            kept = {key: getattr(config, key) for key in ("shift", "scale", "rotate", "enlarge")}
            steps.append(AffineWarp(**kept, p=config.probability))
        if config.brightness:
            steps.append(BrightnessShift(config.brightness, config.probability))
        self.compose = albumentations.Compose(steps) if steps else None
        if self.compose is not None:
            self.compose.set_random_state(np.random.Generator(np.random.Philox(0)), random.Random(0))
        self._start = np.random.Philox(0).state

    def __call__(self, x: np.ndarray, seed: int) -> np.ndarray:
        """Return an augmented copy (C, H, W) float32 of x, or x as float32 if no step is configured; seed 0..2^64-1."""
        x = np.asarray(x, dtype=np.float32)
        if self.compose is None:
            return x
        # a step may draw from either of two generators, so both are seeded
        self.compose.py_random.seed(seed)
        self._start["state"]["key"][0] = seed
        self.compose.random_generator.bit_generator.state = self._start
        image = np.ascontiguousarray(x.transpose(1, 2, 0))
        return np.ascontiguousarray(self.compose(image=image)["image"].transpose(2, 0, 1))
