"""Render clips of invented people: call `render_frame` and `ground_truth` with a `ClipSpec`.

Contract: a frame is a pure function of (specification, frame number). It is drawn by warping the person's face at rest
backwards through action units and pose. The ground truth is computed from the fields, not from the frames. Every
movement begins at the onset or later, so the onset frame shows the face at rest and is independent of the label.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mer.data import facs
from mer.data.facs.geometry import Array
from mer.data.synthetic.face_model import draw
from mer.data.synthetic.person import CANVAS, Person, random_person
from mer.utils.seeding import seed_from

#: Part of face coordinates in a frame: brows to chin, as in the cropped frames of the real sets.
VIEW = facs.View(0.0, 0.5, 2.5, 2.5)

#: Frames per second, as in CASME II and SAMM; lengths of clips depend on it.
RATE = 200


@dataclass(frozen=True)
class Movement:
    """Action unit with its time course in frame numbers: rises from `start` to `peak`, falls until `end`."""

    activation: facs.Activation
    start: float
    peak: float
    end: float
    #: Level after `end`, 0..1.
    rest: float = 0.0

    def level(self, frame: float) -> float:
        """Return the level of the activation at a frame number, 0..1."""
        if frame <= self.peak:
            return _ease((frame - self.start) / max(self.peak - self.start, 1e-9))
        return 1 - (1 - self.rest) * _ease((frame - self.peak) / max(self.end - self.peak, 1e-9))


@dataclass(frozen=True)
class Pose:
    """Pose of the head: shift in face units, turn in radians, size as a factor."""

    x: float = 0.0
    y: float = 0.0
    angle: float = 0.0
    scale: float = 1.0

    def forward(self, points: Array) -> Array:
        """Return points (2, ...) of the face in coordinates of the view."""
        cos, sin = np.cos(self.angle) * self.scale, np.sin(self.angle) * self.scale
        return np.stack([cos * points[0] - sin * points[1] + self.x, sin * points[0] + cos * points[1] + self.y])

    def backward(self, points: Array) -> Array:
        """Return points (2, ...) of the view in coordinates of the face, the inverse of `forward`."""
        cos, sin = np.cos(self.angle) / self.scale, np.sin(self.angle) / self.scale
        x, y = points[0] - self.x, points[1] - self.y
        return np.stack([cos * x + sin * y, -sin * x + cos * y])


@dataclass(frozen=True)
class ClipSpec:
    """Specification of one clip, which determines its frames."""

    subject: int
    #: Number of the clip in the whole corpus.
    number: int
    label: str
    emotion: str
    onset: int
    apex: int
    offset: int
    person: Person
    #: Action units of the expression, and those unrelated to it.
    expression: tuple[Movement, ...]
    irrelevant: tuple[Movement, ...]
    #: Pose at the onset, and its change in 100 frames.
    pose: Pose
    drift: Pose
    #: Camera: standard deviation of its noise in grey levels, relative deviation of its brightness.
    noise: float
    flicker: float
    size: int
    seed: int

    @property
    def name(self) -> str:
        """Return the name of the clip, such as `c0012`."""
        return f"c{self.number:04d}"

    @property
    def subject_name(self) -> str:
        """Return the name of the subject, such as `s003`."""
        return f"s{self.subject:03d}"

    @property
    def aus(self) -> tuple[str, ...]:
        """Return the action units of the expression in a coder's notation."""
        return facs.au_text(movement.activation for movement in self.expression)

    def pose_at(self, frame: float) -> Pose:
        """Return the pose of the head at a frame number."""
        time = (frame - self.onset) / 100
        return Pose(
            self.pose.x + time * self.drift.x,
            self.pose.y + time * self.drift.y,
            self.pose.angle + time * self.drift.angle,
            self.pose.scale * (1 + time * (self.drift.scale - 1)),
        )

    def face_to_pixels(self, frame: float) -> Array:
        """Return the similarity (2, 3) from face units to pixels of the frame with this number."""
        corners = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        origin, right, down = VIEW.pixels(self.pose_at(frame).forward(corners), self.size).T
        return np.stack([right - origin, down - origin, origin], axis=1)

    def activations_at(self, frame: float, *, irrelevant: bool = True) -> tuple[facs.Activation, ...]:
        """Return the active units at a frame number, with or without the irrelevant ones."""
        movements = self.expression + (self.irrelevant if irrelevant else ())
        levels = [(movement.activation, movement.level(frame)) for movement in movements]
        return tuple(facs.Activation(a.code, a.left * level, a.right * level) for a, level in levels if level > 0)


@dataclass(frozen=True)
class GroundTruth:
    """True motion from onset to apex at the pixels of the onset frame."""

    #: Motion of the skin including the head's, in pixels: (2, H, W) float32, x then y.
    flow: npt.NDArray[np.float32]
    #: Motion by the expression alone, in the same form.
    expression: npt.NDArray[np.float32]
    #: Pixels that the expression moves: (H, W).
    mask: npt.NDArray[np.bool_]


def render_frame(spec: ClipSpec, frame: int) -> npt.NDArray[np.uint8]:
    """Return the frame with this number, uint8 (H, W); before the onset it shows the face at rest."""
    size = spec.size
    resolution = round(2 * size * CANVAS.width / VIEW.width)
    layers = draw(spec.person, resolution)
    held = spec.pose_at(frame).backward(VIEW.grid(size))
    skin = _rest_position(held, spec.activations_at(frame), spec.person.shape)
    alpha = _sample(layers.alpha, skin)
    picture = _sample(layers.background, VIEW.grid(size)) * (1 - alpha) + _sample(layers.head, skin) * alpha
    rims = np.clip(_sample(layers.glasses_alpha, held), 0, 1)
    picture = picture * (1 - rims) + _sample(layers.glasses, held) * rims
    rng = np.random.default_rng(seed_from(spec.seed, "frame", frame))
    picture = picture * (1 + spec.flicker * rng.standard_normal()) + spec.noise * rng.standard_normal(picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def ground_truth(spec: ClipSpec) -> GroundTruth:
    """Return the ground truth of a clip, computed from its fields and not from its frames."""
    start = VIEW.grid(spec.size)
    points = spec.pose_at(spec.onset).backward(start)
    factor = spec.size / VIEW.width
    # every movement begins at onset or later, so the onset frame shows the face at rest
    moved = points + facs.displacement(spec.activations_at(spec.apex), points, spec.person.shape)
    own = facs.displacement(spec.activations_at(spec.apex, irrelevant=False), points, spec.person.shape)
    flow = (spec.pose_at(spec.apex).forward(moved) - start) * factor
    return GroundTruth(flow.astype(np.float32), (own * factor).astype(np.float32), facs.moving_mask(own))


def _ease(t: float) -> float:
    """Return a minimum-jerk rise from 0 at t <= 0 to 1 at t >= 1."""
    t = min(max(t, 0.0), 1.0)
    return t**3 * (10 - 15 * t + 6 * t**2)


def _rest_position(points: Array, activations: tuple[facs.Activation, ...], shape: facs.FaceShape) -> Array:
    """Return the rest position of the skin at `points`: solves rest + displacement(rest) = points by iteration."""
    if not activations:
        return points
    side = 160  # 0.02 face units per cell, a fifth of the smallest extent of a unit
    field = facs.displacement(activations, CANVAS.grid(side), shape).astype(np.float32)
    rest = points
    for _ in range(8):
        x, y = CANVAS.pixels(rest, side).astype(np.float32)
        moved = [cv2.remap(part, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) for part in field]
        rest = points - np.stack(moved)
    return rest


def _sample(layer: np.ndarray, points: Array) -> Array:
    """Return the values of a layer over `CANVAS` at face coordinates (2, H, W): (H, W)."""
    x, y = CANVAS.pixels(points, layer.shape[0]).astype(np.float32)
    return cv2.remap(layer, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float64)


def person_of(seed: int, subject: int) -> Person:
    """Return the person with this number in the corpus of this seed."""
    return random_person(seed_from(seed, "person", subject))
