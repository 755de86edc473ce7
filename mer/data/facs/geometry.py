"""Define face coordinates: `FaceShape` holds the proportions of a face, `View` the part that an image shows.

Contract: origin midway between the pupils, +x to the right of the image (the person's left), +y down, unit = distance
between the pupils (63 mm in adults). A length in millimetres is divided by 63. Proportions: Farkas, Anthropometry of
the Head and Face (1994), averages over adults, rounded.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FaceShape:
    """Proportions of one face in face units, symmetric about x = 0."""

    #: Middle of the brow above the pupils (25 mm).
    brow_height: float = 0.38
    #: Inner end of the brow from the midline (12 mm).
    brow_inner: float = 0.19
    #: Outer end of the brow from the midline (50 mm).
    brow_outer: float = 0.80
    #: Depth of the brow's ends below its middle.
    brow_arch: float = 0.07
    #: Length of the eye fissure (30 mm).
    eye_width: float = 0.48
    #: Height of the eye fissure (10.5 mm).
    eye_opening: float = 0.17
    #: Base of the nose below the pupils (43 mm).
    nose_length: float = 0.68
    #: Half the width of the nose (17 mm).
    nose_width: float = 0.27
    #: Line between the lips below the pupils (65 mm).
    mouth_height: float = 1.03
    #: Mouth corner from the midline (26 mm).
    mouth_width: float = 0.41
    #: Thickness of the upper lip's red (8 mm with the bow).
    upper_lip: float = 0.12
    #: Thickness of the lower lip's red (9 mm).
    lower_lip: float = 0.15
    #: Lowest point of the chin below the pupils (107 mm).
    chin: float = 1.70
    #: Half the width of the face at the cheekbones (66 mm).
    face_width: float = 1.05
    #: Factor on the extent of every unit's field, since soft tissue spreads motion more in some faces than in others.
    spread: float = 1.0

    def anchors(self) -> dict[str, tuple[float, float]]:
        """Return the place (x, y) of each landmark in the right half of the image; x = 0 is the midline."""
        mouth = self.mouth_height
        return {
            "brow_inner": (self.brow_inner, -self.brow_height + self.brow_arch * 0.6),
            "brow_middle": ((self.brow_inner + self.brow_outer) / 2, -self.brow_height),
            "brow_outer": (self.brow_outer - 0.05, -self.brow_height + self.brow_arch),
            "glabella": (0.0, -self.brow_height + 0.14),
            "forehead": (0.36, -self.brow_height - 0.30),
            "pupil": (0.5, 0.0),
            "upper_lid": (0.5, -self.eye_opening / 2),
            "lower_lid": (0.5, self.eye_opening / 2),
            "eye_outer": (0.5 + self.eye_width / 2, 0.0),
            "cheek": (0.62, self.nose_length * 0.72),
            "cheek_low": (self.mouth_width + 0.20, mouth - 0.24),
            "nose_side": (0.13, self.nose_length * 0.40),
            "nose_wing": (self.nose_width, self.nose_length - 0.05),
            "nasolabial": (self.nose_width + 0.12, (self.nose_length + mouth) / 2),
            "upper_lip": (self.mouth_width * 0.35, mouth - self.upper_lip),
            "upper_lip_middle": (0.0, mouth - self.upper_lip * 0.6),
            "mouth_corner": (self.mouth_width, mouth),
            "beside_corner": (self.mouth_width + 0.27, mouth),
            "below_corner": (self.mouth_width * 0.95, mouth + 0.22),
            "lower_lip": (self.mouth_width * 0.35, mouth + self.lower_lip * 0.8),
            "lower_lip_middle": (0.0, mouth + self.lower_lip * 0.6),
            "chin": (0.0, mouth * 0.35 + self.chin * 0.65),
            "jaw": (0.0, self.chin - 0.12),
            "throat": (0.0, self.chin + 0.10),
        }


AVERAGE = FaceShape()

#: Relative standard deviation of each proportion between adults: 5 to 10% in Farkas' tables, more for brows, lips and
#: soft tissue (our estimates).
SHAPE_DEVIATION = {
    "brow_height": 0.10,
    "brow_inner": 0.10,
    "brow_outer": 0.05,
    "brow_arch": 0.35,
    "eye_width": 0.05,
    "eye_opening": 0.14,
    "nose_length": 0.06,
    "nose_width": 0.08,
    "mouth_height": 0.04,
    "mouth_width": 0.08,
    "upper_lip": 0.20,
    "lower_lip": 0.18,
    "chin": 0.04,
    "face_width": 0.05,
    "spread": 0.12,
}


def random_shape(rng: np.random.Generator, variety: float = 1.0) -> FaceShape:
    """Draw a face; proportions deviate by `variety` times `SHAPE_DEVIATION` from the average, at most 2 deviations."""
    changes = {}
    for name in (field.name for field in fields(FaceShape)):
        deviate = float(np.clip(rng.standard_normal(), -2, 2))
        changes[name] = getattr(AVERAGE, name) * (1 + variety * SHAPE_DEVIATION[name] * deviate)
    return replace(AVERAGE, **changes)


@dataclass(frozen=True)
class View:
    """Part of face coordinates that an image shows; by default a square from the brows to the chin."""

    #: Middle of the image, face units.
    x: float = 0.0
    y: float = 0.55
    #: Extent of the image, face units.
    width: float = 2.4
    height: float = 2.4

    def grid(self, size: int) -> Array:
        """Return the face coordinates of the pixel centres of a `size` x `size` image: (2, size, size), x then y."""
        steps = (np.arange(size) + 0.5) / size - 0.5
        x, y = np.meshgrid(self.x + steps * self.width, self.y + steps * self.height)
        return np.stack([x, y])

    def pixels(self, points: Array, size: int) -> Array:
        """Return pixel coordinates of points (2, ...) in a `size` x `size` image, with pixel centres at integers."""
        x = ((points[0] - self.x) / self.width + 0.5) * size - 0.5
        y = ((points[1] - self.y) / self.height + 0.5) * size - 0.5
        return np.stack([x, y])
