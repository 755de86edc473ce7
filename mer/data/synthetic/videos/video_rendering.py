"""Render a drawn video: call `VideoRenderer(spec)`, then `planes(number)` or `picture(number)` for a frame.

Contract: a frame is a pure function of (specification, frame number). The person's drawing is warped backwards: place,
tilt and size of the head in the frame, turn and nod of its relief, action units. Fields are computed on a coarser grid
and enlarged, so that a frame of 640x480 takes some milliseconds.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mer.data.synthetic.videos.portrait import CANVAS, CELLS, Field, Portrait, background
from mer.data.synthetic.videos.time_courses import TimeCourses, time_courses
from mer.data.synthetic.videos.video_design import VideoSpec
from mer.utils.seeding import seed_from

#: Part of face coordinates around a head at rest that a head may reach: x, y, x, y.
REACH = (-1.65, -2.1, 1.65, 2.7)
#: Face units a cell of the grid on which fields are computed: half the smallest extent of a unit.
CELL = 0.03
#: Height of the axis about which the head turns and nods, face units below the pupils.
AXIS = 0.9
#: Frames of noise that are drawn; each frame of the video takes a random part of one of them.
NOISES, MARGIN = 4, 64
#: Grey levels 0..255 as video levels 16..235 (ITU-R BT.601).
VIDEO_SCALE, VIDEO_BLACK = 219 / 255, 16
#: Colour differences (blue, red) of skin, and of the wall, as shares of the grey level.
SKIN, WALL = (-0.10, 0.13), (0.03, -0.02)


class VideoRenderer:
    """Renders the frames of one video."""

    def __init__(self, spec: VideoSpec) -> None:
        self.spec = spec
        self.courses: TimeCourses = time_courses(spec)
        self._portrait = Portrait(spec)
        rng = np.random.default_rng(seed_from(spec.seed, "video", "scene"))
        self._wall, self._clothes, self._cover = background(spec, rng)
        self._still = self._wall + self._cover * (self._clothes - self._wall)
        width, height = spec.size
        self._noise = [
            (spec.noise * rng.standard_normal((height + MARGIN, width + MARGIN))).astype(np.float32)
            for _ in range(NOISES)
        ]
        self._colours = [np.float32(share) for share in rng.uniform(-0.25, 0.25, 2)]
        self._place()

    def planes(self, number: int) -> npt.NDArray[np.uint8]:
        """Return a frame as planes of YUV 4:2:0 with video levels, uint8 (3H/2, W)."""
        grey, skin = self._scene(number)
        width, height = self.spec.size
        planes = np.empty((height * 3 // 2, width), np.uint8)
        rng = np.random.default_rng(seed_from(self.spec.seed, "video", "frame", number))
        row, column, which = (int(rng.integers(most)) for most in (MARGIN, MARGIN, NOISES))
        noise = self._noise[which][row : row + height, column : column + width]
        lit = cv2.scaleAdd(grey, float(self.courses.light[number]), noise)
        planes[:height] = cv2.convertScaleAbs(np.maximum(lit, 0), alpha=VIDEO_SCALE, beta=VIDEO_BLACK)
        for plane, chroma in enumerate(self._chroma(grey, skin)):
            begin = height + plane * height // 4
            planes[begin : begin + height // 4] = chroma.reshape(height // 4, width)
        return planes

    def picture(self, number: int) -> npt.NDArray[np.uint8]:
        """Return a frame as a colour picture, uint8 (H, W, 3), red first."""
        return cv2.cvtColor(self.planes(number), cv2.COLOR_YUV2RGB_I420).astype(np.uint8)

    def _place(self) -> None:
        """Choose the part of the frame that the head may reach and the grid on it."""
        spec = self.spec
        self._step = max(1, round(CELL * spec.pupils))
        limits = []
        for axis, most in enumerate(spec.size):
            ends = [spec.middle[axis] + spec.pupils * REACH[axis + 2 * end] for end in (0, 1)]
            begin, end = max(0, math.floor(ends[0])), min(most, math.ceil(ends[1]))
            limits.append((begin, end, -(-(end - begin) // self._step)))
        (self._left, self._right, columns), (self._top, self._bottom, rows) = limits
        # centres of blocks of step x step pixels, as cv2.resize places them
        at = [(np.arange(n) + 0.5) * self._step - 0.5 for n in (columns, rows)]
        x, y = np.meshgrid(
            (self._left + at[0] - spec.middle[0]) / spec.pupils, (self._top + at[1] - spec.middle[1]) / spec.pupils
        )
        self._points = np.dstack([x, y]).astype(np.float32)
        part = slice(self._top, self._bottom), slice(self._left, self._right)
        self._part = part
        self._behind, self._front, self._shown = self._wall[part], self._clothes[part], 1 - self._cover[part]

    def _scene(self, number: int) -> tuple[Field, Field]:
        """Return grey levels without light and noise, and how far each pixel is skin or hair (0..1): (H, W) each."""
        portrait = self._portrait
        held = self._unturned(number)
        field = portrait.displacement({code: course[number] for code, course in self.courses.units.items()})
        skin = _inverse(held, field) if field.any() else held
        texture = portrait.texture(float(self.courses.closed[number]), float(self.courses.open[number]))
        warped = self._sample(texture, skin).astype(np.float32)
        head, alpha = warped[..., 0], warped[..., 1] * np.float32(1 / 255)
        if portrait.rims is not None:
            head += self._sample(portrait.rims, held) * np.float32(1 / 255) * (30 - head)
        alpha *= self._shown
        grey, opacity = self._still.copy(), np.zeros(self._still.shape, np.float32)
        grey[self._part] += alpha * (head - self._behind)
        # clothes lie over the neck: what shines through them at their edge is wall or neck
        opacity[self._part] = alpha
        return grey, opacity

    def _unturned(self, number: int) -> Field:
        """Return where the grid's points lie on the face that looks at the camera, (rows, columns, 2)."""
        head = {name: float(course[number]) for name, course in self.courses.head.items()}
        scale = 1 + head["size"]
        cos, sin = math.cos(head["roll"]) / scale, math.sin(head["roll"]) / scale
        x, y = self._points[..., 0] - np.float32(head["x"]), self._points[..., 1] - np.float32(head["y"] + AXIS)
        # tilted about the neck
        x, y = cos * x + sin * y, cos * y - sin * x + np.float32(AXIS)
        yaw, pitch = head["yaw"], head["pitch"]
        at = np.dstack([x, y]).astype(np.float32)
        turned = at
        for _ in range(6):
            depth = _at(self._portrait.depth, turned)
            # neck and chest, whose depth is 0, do not shrink either
            share = np.minimum(np.abs(depth) * 4, 1)
            across = x - depth * math.sin(yaw) + share * turned[..., 0] * (1 - math.cos(yaw))
            along = y - depth * math.sin(pitch) + share * (turned[..., 1] - AXIS) * (1 - math.cos(pitch))
            turned = np.dstack([across, along]).astype(np.float32)
        return turned

    def _sample(self, layer: npt.NDArray[np.uint8], points: Field) -> npt.NDArray[np.uint8]:
        """Return a layer over `CANVAS` at the grid's points, enlarged to the pixels of the head's part of the frame."""
        pixels = _pixels(points, layer.shape[0])
        rows, columns = points.shape[0] * self._step, points.shape[1] * self._step
        large = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_CUBIC)
        large = large[: self._bottom - self._top, : self._right - self._left]
        return _remap(layer, large)

    def _chroma(self, grey: Field, skin: Field) -> list[npt.NDArray[np.uint8]]:
        """Return both planes of colour differences at half the size, uint8."""
        half = grey.shape[1] // 2, grey.shape[0] // 2
        grey, skin, cover = (cv2.resize(part, half, interpolation=cv2.INTER_AREA) for part in (grey, skin, self._cover))  # type: ignore[assignment]
        planes = []
        for own, wall, clothes in zip(SKIN, WALL, self._colours, strict=True):
            share = wall + cover * (clothes - wall) + skin * (own - wall)
            planes.append(cv2.convertScaleAbs(share * grey, alpha=224 / 255, beta=128))
        return planes


def _pixels(points: Field, side: int) -> Field:
    """Return pixel coordinates of face coordinates (..., 2) in a square layer over `CANVAS`."""
    factor = np.float32(side / CANVAS.width)
    shift = np.array([side / 2 - 0.5 - CANVAS.x * factor, side / 2 - 0.5 - CANVAS.y * factor], np.float32)
    return points * factor + shift


def _at(field: Field, points: Field) -> Field:
    """Return a field over `CANVAS`, (CELLS, CELLS[, 2]), at face coordinates (..., 2)."""
    return _remap(field, _pixels(points, CELLS))


def _remap(layer: Any, pixels: Any) -> Any:
    """Return a layer at pixel coordinates (H, W, 2)."""
    return cv2.remap(layer, pixels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]


def _inverse(points: Field, field: Field) -> Field:
    """Return the rest position of the skin at `points`: solves rest + displacement(rest) = points by iteration."""
    rest = points
    for _ in range(6):
        rest = points - _at(field, rest)
    return rest
