"""Shade the skin of a drawn face: outline, relief, light and texture."""

from __future__ import annotations

import numpy as np

from mer.data.facs.geometry import Array, View
from mer.data.synthetic.person import CANVAS, Person
from mer.data.synthetic.soft_shapes import bump, inside, mirrored_pair, smooth_noise


def outline(person: Person, grid: Array) -> tuple[Array, Array]:
    """Return the opacity of head and neck, and the distance from the face's middle, which is 1 at its outline."""
    shape = person.shape
    middle = 0.15
    height = np.where(grid[1] < middle, 1.45, shape.chin - middle)
    power = np.where(grid[1] < middle, 2.2, 2.0)
    ratio = np.abs(grid[0]) / shape.face_width, np.abs(grid[1] - middle) / height
    radius = (ratio[0] ** power + ratio[1] ** power) ** (1 / power)
    neck = inside(np.maximum(np.abs(grid[0]) - 0.62, 1.2 - grid[1]), 0.02)
    return np.maximum(inside((radius - 1) * shape.face_width, 0.015), neck), radius


def relief(person: Person, grid: Array, radius: Array) -> Array:
    """Return the height of the face towards the viewer, in face units."""
    shape, (x, y) = person.shape, grid
    height: Array = 0.85 * np.sqrt(np.clip(1.02 - np.minimum(radius, 1) ** 2, 0.02, None))
    tip = shape.nose_length - 0.10
    along = np.clip((y + 0.05) / (tip + 0.05), 0, 1)
    nose = (0.05 + 0.17 * along) * np.exp(-0.5 * (x / (0.075 + 0.05 * along)) ** 2)
    height = height + nose * inside(y - shape.nose_length + 0.03, 0.02) * inside(-0.12 - y, 0.05)
    height += 0.05 * mirrored_pair(grid, shape.nose_width * 0.75, shape.nose_length - 0.08, 0.07, 0.06)
    height -= 0.09 * mirrored_pair(grid, 0.48, -0.02, 0.24, 0.13)
    height += 0.035 * mirrored_pair(grid, 0.5, -shape.brow_height + 0.05, 0.26, 0.09)
    height += 0.05 * mirrored_pair(grid, 0.6, shape.nose_length * 0.65, 0.26, 0.22)
    height += 0.045 * bump(grid, 0, shape.mouth_height - 0.08, 0.28, 0.06)
    height += 0.06 * bump(grid, 0, shape.mouth_height + 0.10, 0.22, 0.06)
    height -= 0.03 * bump(grid, 0, shape.mouth_height + 0.25, 0.22, 0.05)
    height += 0.06 * bump(grid, 0, shape.chin - 0.20, 0.22, 0.14)
    # folds: from the nose's wings past the mouth corners, under the eyes, across the forehead
    fold_x = shape.nose_width + 0.05 + 0.22 * np.clip((y - shape.nose_length + 0.08) / 0.5, 0, 1.4) ** 0.8
    reach = inside(shape.nose_length - 0.10 - y, 0.03) * inside(y - shape.mouth_height - 0.12, 0.06)
    height -= 0.035 * person.age * reach * np.exp(-0.5 * ((np.abs(x) - fold_x) / 0.035) ** 2)
    height -= (
        0.018
        * person.age
        * np.exp(-0.5 * ((y - 0.2 + 0.25 * (np.abs(x) - 0.5) ** 2) / 0.025) ** 2)
        * (mirrored_pair(grid, 0.45, 0.2, 0.16, 0.1))
    )
    for level in (0.58, 0.68, 0.78):
        height -= (
            0.007
            * person.age
            * np.exp(-0.5 * ((y + level + 0.04 * np.cos(4 * x)) / 0.014) ** 2)
            * bump(grid, 0, -level, 0.45, 0.2)
        )
    return height


def brightness(person: Person, height: Array, canvas: View = CANVAS) -> Array:
    """Return the brightness of a matt surface with this relief under the person's light, about 1 on average."""
    step = canvas.width / height.shape[0]
    slope_y, slope_x = np.gradient(height, step)
    length = np.sqrt(1 + slope_x**2 + slope_y**2)
    lx, ly = person.light
    lz = np.sqrt(max(1 - lx**2 - ly**2, 0.1))
    facing = np.clip((-slope_x * lx - slope_y * ly + lz) / length, 0, None)
    return (1 - person.contrast) + person.contrast * facing / lz


def skin_texture(person: Person, rng: np.random.Generator, grid: Array, canvas: View = CANVAS) -> Array:
    """Return a factor on the skin's brightness for mottling, pores and freckles."""
    resolution = grid.shape[1]
    unit = resolution / canvas.width
    factor = 1 + person.texture * (
        0.6 * smooth_noise(rng, resolution, 0.30 * unit)
        + 0.8 * smooth_noise(rng, resolution, 0.10 * unit)
        + 0.8 * smooth_noise(rng, resolution, 0.04 * unit)
    )
    for _ in range(person.freckles):
        x, y = rng.normal(0, 0.5), rng.normal(0.45, 0.4)
        factor *= 1 - rng.uniform(0.08, 0.35) * bump(grid, x, y, *(rng.uniform(0.012, 0.026) * np.ones(2)))
    return factor
