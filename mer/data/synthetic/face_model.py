"""Draw invented people: `random_person` gives the parameters of a face, `draw` its grey layers.

Contract: the layers are a function of a `Person`, and a person is a function of a seed. No photograph is used. Faces
are schematic. Each is shaded from a relief under its own light, and its skin has texture that is fine enough for flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from mer.data.facs.geometry import Array, FaceShape, View, random_shape

#: Part of face coordinates in the layers; it exceeds every view, so moved and turned heads stay inside.
CANVAS = View(0.0, 0.5, 3.2, 3.2)


@dataclass(frozen=True)
class Person:
    """One invented face at rest. Grey levels are 0..255, lengths face units."""

    shape: FaceShape
    skin: float
    hair: float
    #: Lowest point of the hair above the pupils; a small value is a fringe.
    hairline: float
    iris: float
    #: Factor on the skin level inside the lips.
    lips: float
    brow_thickness: float
    #: Direction to the light: x, y of a unit vector.
    light: tuple[float, float]
    #: 0 = flat light, 1 = light from one side only.
    contrast: float
    #: Relative amplitude of pores and mottling.
    texture: float
    freckles: int
    #: Depth of folds and wrinkles, 0..1.
    age: float
    glasses: bool
    background: tuple[float, float]
    #: Seed of the random parts of the drawing (pores, hairs, freckles).
    seed: int


@dataclass(frozen=True)
class Layers:
    """Grey layers of a person, each (T, T) float32 over `CANVAS`."""

    #: Grey levels of head and hair, and their opacity (0..1).
    head: np.ndarray
    alpha: np.ndarray
    #: Grey levels of the rims and their opacity; they move with the head, not with the skin.
    glasses: np.ndarray
    glasses_alpha: np.ndarray
    background: np.ndarray


def random_person(seed: int) -> Person:
    """Return the person of this seed."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-1.1, 1.1)
    return Person(
        shape=random_shape(rng),
        skin=rng.uniform(120, 205),
        hair=rng.uniform(20, 75),
        hairline=rng.uniform(0.62, 1.0),
        iris=rng.uniform(35, 90),
        lips=rng.uniform(0.68, 0.88),
        brow_thickness=rng.uniform(0.045, 0.08),
        light=(float(np.sin(angle) * 0.8), -rng.uniform(0.2, 0.6)),
        contrast=rng.uniform(0.35, 0.7),
        texture=rng.uniform(0.03, 0.06),
        freckles=int(rng.integers(0, 40)) if rng.random() < 0.5 else int(rng.integers(0, 6)),
        age=rng.uniform(0.1, 1.0),
        glasses=bool(rng.random() < 0.25),
        background=(rng.uniform(40, 200), rng.uniform(-40, 40)),
        seed=int(rng.integers(2**32)),
    )


@lru_cache(maxsize=64)
def draw(person: Person, resolution: int) -> Layers:
    """Draw the layers of a person at `resolution` x `resolution` pixels."""
    rng = np.random.default_rng(person.seed)
    grid = CANVAS.grid(resolution)
    inside, radius = _oval(person, grid)
    shade = _lambert(person, _relief(person, grid, radius))
    head = person.skin * shade * _skin_texture(person, rng, grid)
    head = _mouth(person, rng, head, grid)
    head = _eyes(person, head, grid)
    head = _brows(person, rng, head, grid)
    head, hair = _hair(person, rng, head, grid)
    alpha = np.maximum(inside, hair)
    rims = _rims(person, grid)
    level, slope = person.background
    background = level + slope * grid[0] + 10 * _noise(rng, resolution, 0.25 * resolution / 3.2)

    # limits the band, so that warping to half the resolution does not alias
    def soften(layer: Array) -> np.ndarray:
        return cv2.GaussianBlur(np.clip(layer, 0, 255).astype(np.float32), (0, 0), 0.7)

    return Layers(soften(head), soften(alpha), np.full(alpha.shape, 30, np.float32), soften(rims), soften(background))


def _noise(
    rng: np.random.Generator, resolution: int, wavelength: float, stretch: tuple[float, float] = (1, 1)
) -> Array:
    """Return smooth noise of standard deviation 1, (T, T); `wavelength` in pixels, `stretch` along x and y."""
    white = rng.standard_normal((resolution, resolution))
    smooth = cv2.GaussianBlur(white, (0, 0), sigmaX=wavelength * stretch[0] / 3, sigmaY=wavelength * stretch[1] / 3)
    return np.asarray(smooth / smooth.std(), dtype=np.float64)


def _inside(distance: Array, softness: float = 0.012) -> Array:
    """Return 1 where the distance to an outline is negative, 0 where it is positive, with a soft edge."""
    return 1 / (1 + np.exp(np.clip(distance / softness, -40, 40)))


def _bump(grid: Array, x: float, y: float, sx: float, sy: float) -> Array:
    """Return a Gaussian of height 1 at (x, y)."""
    return np.exp(-0.5 * (((grid[0] - x) / sx) ** 2 + ((grid[1] - y) / sy) ** 2))


def _pair(grid: Array, x: float, y: float, sx: float, sy: float) -> Array:
    """Return two Gaussians, mirrored about the midline."""
    return _bump(grid, x, y, sx, sy) + _bump(grid, -x, y, sx, sy)


def _oval(person: Person, grid: Array) -> tuple[Array, Array]:
    """Return the opacity of head and neck, and the distance from the face's middle, which is 1 at its outline."""
    shape = person.shape
    middle = 0.15
    height = np.where(grid[1] < middle, 1.45, shape.chin - middle)
    power = np.where(grid[1] < middle, 2.2, 2.0)
    ratio = np.abs(grid[0]) / shape.face_width, np.abs(grid[1] - middle) / height
    radius = (ratio[0] ** power + ratio[1] ** power) ** (1 / power)
    neck = _inside(np.maximum(np.abs(grid[0]) - 0.62, 1.2 - grid[1]), 0.02)
    return np.maximum(_inside((radius - 1) * shape.face_width, 0.015), neck), radius


def _relief(person: Person, grid: Array, radius: Array) -> Array:
    """Return the height of the face towards the viewer, in face units."""
    shape, (x, y) = person.shape, grid
    height: Array = 0.85 * np.sqrt(np.clip(1.02 - np.minimum(radius, 1) ** 2, 0.02, None))
    tip = shape.nose_length - 0.10
    along = np.clip((y + 0.05) / (tip + 0.05), 0, 1)
    nose = (0.05 + 0.17 * along) * np.exp(-0.5 * (x / (0.075 + 0.05 * along)) ** 2)
    height = height + nose * _inside(y - shape.nose_length + 0.03, 0.02) * _inside(-0.12 - y, 0.05)
    height += 0.05 * _pair(grid, shape.nose_width * 0.75, shape.nose_length - 0.08, 0.07, 0.06)
    height -= 0.09 * _pair(grid, 0.48, -0.02, 0.24, 0.13)
    height += 0.035 * _pair(grid, 0.5, -shape.brow_height + 0.05, 0.26, 0.09)
    height += 0.05 * _pair(grid, 0.6, shape.nose_length * 0.65, 0.26, 0.22)
    height += 0.045 * _bump(grid, 0, shape.mouth_height - 0.08, 0.28, 0.06)
    height += 0.06 * _bump(grid, 0, shape.mouth_height + 0.10, 0.22, 0.06)
    height -= 0.03 * _bump(grid, 0, shape.mouth_height + 0.25, 0.22, 0.05)
    height += 0.06 * _bump(grid, 0, shape.chin - 0.20, 0.22, 0.14)
    # folds: from the nose's wings past the mouth corners, under the eyes, across the forehead
    fold_x = shape.nose_width + 0.05 + 0.22 * np.clip((y - shape.nose_length + 0.08) / 0.5, 0, 1.4) ** 0.8
    reach = _inside(shape.nose_length - 0.10 - y, 0.03) * _inside(y - shape.mouth_height - 0.12, 0.06)
    height -= 0.035 * person.age * reach * np.exp(-0.5 * ((np.abs(x) - fold_x) / 0.035) ** 2)
    height -= (
        0.018
        * person.age
        * np.exp(-0.5 * ((y - 0.2 + 0.25 * (np.abs(x) - 0.5) ** 2) / 0.025) ** 2)
        * (_pair(grid, 0.45, 0.2, 0.16, 0.1))
    )
    for level in (0.58, 0.68, 0.78):
        height -= (
            0.007
            * person.age
            * np.exp(-0.5 * ((y + level + 0.04 * np.cos(4 * x)) / 0.014) ** 2)
            * _bump(grid, 0, -level, 0.45, 0.2)
        )
    return height


def _lambert(person: Person, relief: Array) -> Array:
    """Return the brightness of a matt surface with this relief under the person's light, about 1 on average."""
    step = CANVAS.width / relief.shape[0]
    slope_y, slope_x = np.gradient(relief, step)
    length = np.sqrt(1 + slope_x**2 + slope_y**2)
    lx, ly = person.light
    lz = np.sqrt(max(1 - lx**2 - ly**2, 0.1))
    facing = np.clip((-slope_x * lx - slope_y * ly + lz) / length, 0, None)
    return (1 - person.contrast) + person.contrast * facing / lz


def _skin_texture(person: Person, rng: np.random.Generator, grid: Array) -> Array:
    """Return a factor on the skin's brightness for mottling, pores and freckles."""
    resolution = grid.shape[1]
    unit = resolution / CANVAS.width
    factor = 1 + person.texture * (
        0.6 * _noise(rng, resolution, 0.30 * unit)
        + 0.8 * _noise(rng, resolution, 0.10 * unit)
        + 0.8 * _noise(rng, resolution, 0.04 * unit)
    )
    for _ in range(person.freckles):
        x, y = rng.normal(0, 0.5), rng.normal(0.45, 0.4)
        factor *= 1 - rng.uniform(0.08, 0.35) * _bump(grid, x, y, *(rng.uniform(0.012, 0.026) * np.ones(2)))
    return factor


def _mouth(person: Person, rng: np.random.Generator, head: Array, grid: Array) -> Array:
    """Draw nostrils, lips and the line between them."""
    shape, (x, y) = person.shape, grid
    head = head * (1 - 0.6 * _pair(grid, shape.nose_width * 0.42, shape.nose_length - 0.035, 0.050, 0.020))
    head *= 1 - 0.25 * _pair(grid, shape.nose_width * 0.98, shape.nose_length - 0.07, 0.018, 0.07)
    t = np.clip(np.abs(x) / shape.mouth_width, 0, 1)
    line = shape.mouth_height + 0.012 * np.cos(3 * np.pi * t) - 0.01
    bow = 1 - 0.25 * np.exp(-0.5 * (t / 0.12) ** 2)
    upper = line - shape.upper_lip * (1 - t**1.6) * bow
    lower = line + shape.lower_lip * np.sqrt(np.clip(1 - t**2, 0, 1))
    lips = _inside(np.maximum.reduce([upper - y, y - lower, np.abs(x) - shape.mouth_width]))
    creases = 1 + 0.06 * _noise(rng, grid.shape[1], 6, (0.5, 3))
    darker = np.where(y < line, person.lips * 0.92, person.lips)
    head *= 1 + lips * (darker * creases - 1)
    gap = np.exp(-0.5 * ((y - line) / 0.014) ** 2) * _inside(np.abs(x) - shape.mouth_width - 0.015, 0.015)
    return head * (1 - 0.72 * gap)


def _eyes(person: Person, head: Array, grid: Array) -> Array:
    """Draw both eyes: white, iris, pupil, highlight, lashes, lid fold."""
    shape, y = person.shape, grid[1]
    x = np.abs(grid[0]) - 0.5
    t = np.clip(x / (shape.eye_width / 2), -1.2, 1.2)
    arch = np.clip(1 - t**2, -0.3, 1)
    tilt = -0.03 * t
    upper, lower = -0.58 * shape.eye_opening * arch**1.0 + tilt, 0.42 * shape.eye_opening * arch + tilt
    opening = _inside(np.maximum(upper - y, y - lower), 0.008)
    distance = np.hypot(grid[0] - 0.5 * np.sign(grid[0]), y + 0.01)
    white = person.skin * 0.35 + 140 - 40 * np.exp(-0.5 * ((y - upper) / 0.03) ** 2)
    eye = white + _inside(distance - 0.095, 0.008) * (person.iris - white)
    eye = eye + _inside(distance - 0.040, 0.006) * (12 - eye)
    glint = np.hypot(grid[0] - 0.5 * np.sign(grid[0]) - 0.035 * np.sign(person.light[0]), y + 0.045)
    eye = eye + _inside(glint - 0.016, 0.005) * (240 - eye)
    head = head + opening * (eye - head)
    ends = _inside(np.abs(t) - 1.08, 0.04)
    head = head * (1 - 0.75 * ends * np.exp(-0.5 * ((y - upper) / 0.014) ** 2))
    head *= 1 - 0.30 * ends * np.exp(-0.5 * ((y - lower) / 0.011) ** 2)
    return head * (1 - 0.30 * ends * np.exp(-0.5 * ((y - upper + 0.075) / 0.014) ** 2))


def _brows(person: Person, rng: np.random.Generator, head: Array, grid: Array) -> Array:
    """Draw both brows as bands of hairs that thin out at their ends."""
    shape, y = person.shape, grid[1]
    x = np.abs(grid[0])
    t = (x - shape.brow_inner) / (shape.brow_outer - shape.brow_inner)
    curve = -shape.brow_height + shape.brow_arch * (1.6 * (t - 0.58) / 0.58) ** 2 * 0.5
    thickness = person.brow_thickness * np.clip(1.05 - 0.65 * np.clip(t, 0, 1.2), 0.2, 1)
    cover = np.exp(-0.5 * np.abs((y - curve) / thickness) ** 3) * _inside(np.abs(t - 0.5) - 0.5, 0.035)
    hairs = np.clip(0.78 + 0.22 * _noise(rng, grid.shape[1], 5, (1.0, 1.8)), 0.2, 1)
    return head + cover * hairs * (person.hair * 1.15 - head)


def _hair(person: Person, rng: np.random.Generator, head: Array, grid: Array) -> tuple[Array, Array]:
    """Draw the hair over the head; return the head and the opacity of the hair."""
    edge = 0.05 * _noise(rng, grid.shape[1], grid.shape[1] * 0.08)
    line = -person.hairline + 0.95 * np.clip(np.abs(grid[0]) / person.shape.face_width, 0, 1.3) ** 5 + edge
    skull = ((grid[0] / (person.shape.face_width + 0.16)) ** 2 + ((grid[1] + 0.1) / 1.55) ** 2) ** 0.5
    cover = _inside(grid[1] - line, 0.025) * _inside((skull - 1) * 1.2, 0.03)
    strands = person.hair * (1 + 0.30 * _noise(rng, grid.shape[1], 8, (0.6, 5)))
    return head + cover * (strands - head), cover


def _rims(person: Person, grid: Array) -> Array:
    """Return the opacity of the glasses (rims, bridge, start of the temples), zero for a person without glasses."""
    if not person.glasses:
        return np.zeros(grid.shape[1:])
    x, y = np.abs(grid[0]) - 0.5, grid[1] - 0.05
    rim = (np.abs(x / 0.37) ** 3 + np.abs(y / 0.27) ** 3) ** (1 / 3)
    ring = np.exp(-0.5 * ((rim - 1) * 0.3 / 0.014) ** 2)
    bridge = np.exp(-0.5 * ((y + 0.06) / 0.016) ** 2) * _inside(x + 0.37, 0.01)
    temple = np.exp(-0.5 * ((y + 0.10) / 0.018) ** 2) * _inside(0.36 - x, 0.01)
    return 0.88 * np.clip(ring + bridge + temple, 0, 1)
