"""Draw what a video shows of a person: call `Portrait`, then `texture` for a state of eyes and mouth.

Contract: a function of the specification. The textures lie over `CANVAS`, from above the hair to the chest, so that
the whole head can be turned; `depth` is how far skin lies in front of the axis about which it turns.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from mer.data import facs
from mer.data.synthetic.face_model import draw_layers, paint_eyes
from mer.data.synthetic.person import Person
from mer.data.synthetic.soft_shapes import bump, inside, smooth_noise
from mer.data.synthetic.videos.video_design import VideoSpec

#: Part of face coordinates that the textures show.
CANVAS = facs.View(0.0, 0.45, 4.4, 4.4)
#: Texture pixels a pixel of the frame, so that warping does not alias.
FINER = 2
#: States from open to closed eyes, and from closed to open mouth.
STATES = 12
#: Cells of the fields of motion and depth along each side.
CELLS = 176
#: Parts of face coordinates that the eyes and the mouth change: x, y, x, y.
EYES, MOUTH = (-0.85, -0.28, 0.85, 0.24), (-0.6, 0.8, 0.6, 1.45)

Grey = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]


class Portrait:
    """Textures and fields of the person of a video."""

    def __init__(self, spec: VideoSpec) -> None:
        self.person = spec.person
        self.side = round(FINER * spec.pupils * CANVAS.width)
        layers = draw_layers(spec.person, self.side, CANVAS, eyes=False)
        grid = CANVAS.grid(self.side)
        self._eyes = [self._eye_patch(layers.head, grid, state / STATES) for state in range(STATES + 1)]
        self._mouths = [self._mouth_patch(layers.head, grid, state / STATES) for state in range(STATES + 1)]
        self._skin = np.dstack([_bytes(layers.head), _bytes(255 * layers.alpha)])
        #: Opacity of the rims of glasses; None for a person without.
        self.rims = _bytes(255 * layers.glasses_alpha) if spec.person.glasses else None
        self.depth = _depth(spec.person)
        self._units: dict[int, tuple[Field, Field]] = {}
        self._shown, self._state = self._skin, (-1, -1)

    def texture(self, closed: float, opened: float) -> Grey:
        """Return grey levels and opacity of the head, (T, T, 2), for closed eyes and an opened mouth (0..1)."""
        state = round(closed * STATES), round(opened * STATES)
        if state != self._state:
            self._shown, self._state = self._skin.copy(), state
            for area, patch in ((EYES, self._eyes[state[0]]), (MOUTH, self._mouths[state[1]])):
                rows, columns = self._slices(area)
                self._shown[rows, columns, 0] = patch
        return self._shown

    def displacement(self, units: dict[int, npt.NDArray[np.float64]]) -> Field:
        """Return the displacement of the skin, (CELLS, CELLS, 2) in face units, for intensities (left, right)."""
        field = np.zeros((CELLS, CELLS, 2), np.float32)
        for code, levels in units.items():
            for part, level in zip(self._unit(code), levels, strict=True):
                if level > 0:
                    field += np.float32(level) * part
        return field

    def _unit(self, code: int) -> tuple[Field, Field]:
        """Return the fields of a unit at full intensity of the left and of the right side."""
        if code not in self._units:
            sides = (facs.Activation(code, 1.0, 0.0), facs.Activation(code, 0.0, 1.0))
            left, right = (facs.displacement([side], CANVAS.grid(CELLS), self.person.shape) for side in sides)
            self._units[code] = tuple(np.ascontiguousarray(np.moveaxis(f, 0, 2), np.float32) for f in (left, right))  # type: ignore[assignment]
        return self._units[code]

    def _slices(self, area: tuple[float, float, float, float]) -> tuple[slice, slice]:
        x, y = CANVAS.pixels(np.array([area[::2], area[1::2]]), self.side).round().astype(int)
        return slice(y[0], y[1]), slice(x[0], x[1])

    def _eye_patch(self, skin: np.ndarray, grid: np.ndarray, closed: float) -> Grey:
        """Return the skin with eyes closed so far."""
        rows, columns = self._slices(EYES)
        # closed lids meet where open ones have their middle, so the fissure only narrows
        shape = replace(self.person.shape, eye_opening=self.person.shape.eye_opening * (1 - 0.97 * closed))
        under = skin[rows, columns].astype(np.float64)
        painted = paint_eyes(replace(self.person, shape=shape), under, grid[:, rows, columns])
        return _bytes(under + cv2.GaussianBlur(painted - under, (0, 0), 0.7))

    def _mouth_patch(self, skin: np.ndarray, grid: np.ndarray, opened: float) -> Grey:
        """Return the skin with a dark gap between the lips, as high as the mouth is open."""
        (rows, columns), shape = self._slices(MOUTH), self.person.shape
        x, y = grid[:, rows, columns]
        across = np.clip(1 - (x / (0.8 * shape.mouth_width)) ** 2, 0, 1)
        height = 0.06 * opened * across
        gap = inside(np.abs(y - shape.mouth_height - 0.4 * height) - height, 0.01) * min(1.0, 4 * opened) * across**0.5
        under = skin[rows, columns].astype(np.float64)
        return _bytes(under + 0.9 * gap * (25 - under))


def background(spec: VideoSpec, rng: np.random.Generator) -> tuple[Field, Field, Field]:
    """Return wall, clothes and opacity of the clothes, float32 (H, W) each; they stand still."""
    width, height = spec.size
    broad = cv2.resize(rng.uniform(-20, 20, (9, 12)), (width, height), interpolation=cv2.INTER_CUBIC)
    fine = smooth_noise(rng, max(width, height), 6)[:height, :width]
    wall = spec.person.background[0] + broad + 3 * fine
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x, y = ((at - middle) / spec.pupils for at, middle in zip((columns, rows), spec.middle, strict=True))
    collar = 2.05 - 0.25 * np.exp(-0.5 * (x / 0.75) ** 4) + 0.16 * x**2  # below the chin, sloping to the shoulders
    cover = inside(np.maximum(collar - y + 0.3 * np.exp(-0.5 * (x / 0.45) ** 4), np.abs(x) - 2.1), 0.02)
    level, weave = rng.uniform(40, 150), smooth_noise(rng, max(width, height), 4, (0.6, 5))[:height, :width]
    clothes = level * (1 + 0.05 * weave - 0.12 * np.clip(np.abs(x) - 1, 0, None))
    return tuple(np.clip(part, 0, 255).astype(np.float32) for part in (wall, clothes, cover))  # type: ignore[return-value]


def _depth(person: Person) -> Field:
    """Return how far the surface lies in front of the axis of turning, (CELLS, CELLS) in face units.

    A flattened ball with a nose; neck and chest have none, for they do not turn.
    """
    grid, shape = CANVAS.grid(CELLS), person.shape
    round_part = np.clip(1 - 0.55 * (grid[0] / shape.face_width) ** 2 - 0.30 * ((grid[1] - 0.1) / 1.5) ** 2, -0.6, 1)
    nose = 0.2 * bump(grid, 0, shape.nose_length - 0.14, 0.13, 0.22)
    turning = inside(grid[1] - shape.chin - 0.15, 0.09)
    return ((0.9 * round_part + nose) * turning).astype(np.float32)


def _bytes(values: np.ndarray) -> Grey:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
