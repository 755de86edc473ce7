"""Draw an invented person with `random_person`.

Contract: a person is a function of a seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mer.data.facs.geometry import FaceShape, View, random_shape

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
