"""Draw the grey layers of an invented person with `draw`, or `draw_layers` over another part of face coordinates.

Contract: the layers are a function of a `Person`. No photograph is used. Faces
are schematic. Each is shaded from a relief under its own light, and its skin has texture that is fine enough for flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from mer.data.facs.geometry import Array, View
from mer.data.synthetic.face_skin import brightness, outline, relief, skin_texture
from mer.data.synthetic.person import CANVAS, Person
from mer.data.synthetic.soft_shapes import inside, mirrored_pair, smooth_noise


@dataclass(frozen=True)
class Layers:
    """Grey layers of a person, each (T, T) float32 over one part of face coordinates."""

    #: Grey levels of head and hair, and their opacity (0..1).
    head: np.ndarray
    alpha: np.ndarray
    #: Grey levels of the rims and their opacity; they move with the head, not with the skin.
    glasses: np.ndarray
    glasses_alpha: np.ndarray
    background: np.ndarray


@lru_cache(maxsize=64)
def draw(person: Person, resolution: int) -> Layers:
    """Draw the layers of a person at `resolution` x `resolution` pixels over `CANVAS`; they are kept."""
    return draw_layers(person, resolution)


def draw_layers(person: Person, resolution: int, canvas: View = CANVAS, *, eyes: bool = True) -> Layers:
    """Draw the layers of a person over `canvas`, with or without the eyes."""
    rng = np.random.default_rng(person.seed)
    grid = canvas.grid(resolution)
    cover, radius = outline(person, grid)
    shade = brightness(person, relief(person, grid, radius), canvas)
    head = person.skin * shade * skin_texture(person, rng, grid, canvas)
    head = _mouth(person, rng, head, grid)
    head = paint_eyes(person, head, grid) if eyes else head
    head = _brows(person, rng, head, grid)
    head, hair = _hair(person, rng, head, grid)
    alpha = np.maximum(cover, hair)
    rims = _rims(person, grid)
    level, slope = person.background
    background = level + slope * grid[0] + 10 * smooth_noise(rng, resolution, 0.25 * resolution / canvas.width)

    # limits the band, so that warping to half the resolution does not alias
    def soften(layer: Array) -> np.ndarray:
        return cv2.GaussianBlur(np.clip(layer, 0, 255).astype(np.float32), (0, 0), 0.7)

    return Layers(soften(head), soften(alpha), np.full(alpha.shape, 30, np.float32), soften(rims), soften(background))


def _mouth(person: Person, rng: np.random.Generator, head: Array, grid: Array) -> Array:
    """Draw nostrils, lips and the line between them."""
    shape, (x, y) = person.shape, grid
    head = head * (1 - 0.6 * mirrored_pair(grid, shape.nose_width * 0.42, shape.nose_length - 0.035, 0.050, 0.020))
    head *= 1 - 0.25 * mirrored_pair(grid, shape.nose_width * 0.98, shape.nose_length - 0.07, 0.018, 0.07)
    t = np.clip(np.abs(x) / shape.mouth_width, 0, 1)
    line = shape.mouth_height + 0.012 * np.cos(3 * np.pi * t) - 0.01
    bow = 1 - 0.25 * np.exp(-0.5 * (t / 0.12) ** 2)
    upper = line - shape.upper_lip * (1 - t**1.6) * bow
    lower = line + shape.lower_lip * np.sqrt(np.clip(1 - t**2, 0, 1))
    lips = inside(np.maximum.reduce([upper - y, y - lower, np.abs(x) - shape.mouth_width]))
    creases = 1 + 0.06 * smooth_noise(rng, grid.shape[1], 6, (0.5, 3))
    darker = np.where(y < line, person.lips * 0.92, person.lips)
    head *= 1 + lips * (darker * creases - 1)
    gap = np.exp(-0.5 * ((y - line) / 0.014) ** 2) * inside(np.abs(x) - shape.mouth_width - 0.015, 0.015)
    return head * (1 - 0.72 * gap)


def paint_eyes(person: Person, head: Array, grid: Array) -> Array:
    """Draw both eyes on the skin: white, iris, pupil, highlight, lashes, lid fold."""
    shape, y = person.shape, grid[1]
    x = np.abs(grid[0]) - 0.5
    t = np.clip(x / (shape.eye_width / 2), -1.2, 1.2)
    arch = np.clip(1 - t**2, -0.3, 1)
    tilt = -0.03 * t
    upper, lower = -0.58 * shape.eye_opening * arch**1.0 + tilt, 0.42 * shape.eye_opening * arch + tilt
    opening = inside(np.maximum(upper - y, y - lower), 0.008)
    distance = np.hypot(grid[0] - 0.5 * np.sign(grid[0]), y + 0.01)
    white = person.skin * 0.35 + 140 - 40 * np.exp(-0.5 * ((y - upper) / 0.03) ** 2)
    eye = white + inside(distance - 0.095, 0.008) * (person.iris - white)
    eye = eye + inside(distance - 0.040, 0.006) * (12 - eye)
    glint = np.hypot(grid[0] - 0.5 * np.sign(grid[0]) - 0.035 * np.sign(person.light[0]), y + 0.045)
    eye = eye + inside(glint - 0.016, 0.005) * (240 - eye)
    head = head + opening * (eye - head)
    ends = inside(np.abs(t) - 1.08, 0.04)
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
    cover = np.exp(-0.5 * np.abs((y - curve) / thickness) ** 3) * inside(np.abs(t - 0.5) - 0.5, 0.035)
    hairs = np.clip(0.78 + 0.22 * smooth_noise(rng, grid.shape[1], 5, (1.0, 1.8)), 0.2, 1)
    return head + cover * hairs * (person.hair * 1.15 - head)


def _hair(person: Person, rng: np.random.Generator, head: Array, grid: Array) -> tuple[Array, Array]:
    """Draw the hair over the head; return the head and the opacity of the hair."""
    edge = 0.05 * smooth_noise(rng, grid.shape[1], grid.shape[1] * 0.08)
    line = -person.hairline + 0.95 * np.clip(np.abs(grid[0]) / person.shape.face_width, 0, 1.3) ** 5 + edge
    skull = ((grid[0] / (person.shape.face_width + 0.16)) ** 2 + ((grid[1] + 0.1) / 1.55) ** 2) ** 0.5
    cover = inside(grid[1] - line, 0.025) * inside((skull - 1) * 1.2, 0.03)
    strands = person.hair * (1 + 0.30 * smooth_noise(rng, grid.shape[1], 8, (0.6, 5)))
    return head + cover * (strands - head), cover


def _rims(person: Person, grid: Array) -> Array:
    """Return the opacity of the glasses (rims, bridge, start of the temples), zero for a person without glasses."""
    if not person.glasses:
        return np.zeros(grid.shape[1:])
    x, y = np.abs(grid[0]) - 0.5, grid[1] - 0.05
    rim = (np.abs(x / 0.37) ** 3 + np.abs(y / 0.27) ** 3) ** (1 / 3)
    ring = np.exp(-0.5 * ((rim - 1) * 0.3 / 0.014) ** 2)
    bridge = np.exp(-0.5 * ((y + 0.06) / 0.016) ** 2) * inside(x + 0.37, 0.01)
    temple = np.exp(-0.5 * ((y + 0.10) / 0.018) ** 2) * inside(0.36 - x, 0.01)
    return 0.88 * np.clip(ring + bridge + temple, 0, 1)
