"""Draw motion maps like flow with total variation: call `variational_map`.

Such maps have flat patches, sharp edges, thin lines of strain and outliers. Contract: `variational_map` is a function
of its arguments and the generator. The field is drawn on a grid finer than the map, and strain is computed there, as
from frames of full size; then both are shrunk. Sizes follow the statistics of measured maps, except anatomy and warp;
see `python -m mer.benchmark prior MANIFEST` and experiments/motion_prior. Source for the effect on faint motion and
gradients: Zach, Pock, Bischof, A duality based approach for realtime TV-L1 optical flow, 2007. The numbers are our own
estimates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mer.data import facs
from mer.data.motion_prior.smooth_maps import Map
from mer.utils.optical_strain import strain

Field = npt.NDArray[np.float32]

#: Usual crop of aligned faces in 28 x 28 maps: pupils at a quarter, mouth at two thirds of the height. Both are within
#: a tenth of the side of the energy in measured maps (found without labels).
CROP = facs.View(0.0, 0.60, 1.78, 2.48)

#: Smallest side of the fine grid, three times the usual map; shrinking it loses thin lines of strain, as in reality.
FINE = 84

#: Landmarks near which single wrong vectors are frequent: nostrils, lips, lids and hairs move, shine or cast shade.
SPOT_SITES = (
    "nose_wing", "mouth_corner", "eye_outer", "pupil", "brow_inner", "upper_lip", "nose_side", "brow_outer",
)  # fmt: skip

#: (wavelength, usual share) of smooth errors: light, cheeks without texture, lids and hairs, compression.
WAVELENGTHS = ((1.2, 1.0), (0.4, 1.0), (0.15, 1.0), (0.06, 0.4))


@dataclass(frozen=True)
class MeasurementNoise:
    """Disturbances of a measured map; values are standard deviations in face units if not stated otherwise, 0 = off."""

    #: Differences between faces, a factor on `facs.random_shape`; above 1 since sets differ in ages and origins.
    variety: float = 1.2
    #: Uncertainty of the skin that a unit moves, 0..1; see `facs.bumps`.
    anatomy: float = 0.4
    #: Place of the crop and relative change of its sides, since sets are cropped by different detectors.
    crop: float = 0.07
    #: Turn of the head in the image plane, radians.
    turn: float = 0.05
    #: Smooth distortion of the grid, since outlines of moving skin are not ellipses.
    warp: float = 0.03
    #: Highest share of flat tops with steep edges in each unit's field.
    flat: float = 1.0
    #: Highest share of motion lost on skin with little texture.
    fade: float = 0.6
    #: Stretch and shear of the head's affine field, per face unit, left after registration. With twice the value,
    #: drawn maps are less symmetric than measured ones. The shift is the median, which is subtracted.
    affine: float = 0.002
    #: Turn or nod of the head: near parts (the nose) move further than far ones. Small, for the same reason.
    parallax: float = 0.003
    #: Smooth errors, split at random between `WAVELENGTHS`.
    noise: float = 0.0014
    #: Probability and size of the motion of hair above the brows; the crop of some people contains a fringe.
    hair: tuple[float, float] = (0.3, 0.012)
    #: Probability and size of the motion of the background beside the jaw, relative to the aligned face.
    background: tuple[float, float] = (0.25, 0.012)
    #: Expected number of wrong patches, half of them at the sides, at the edge of cheek and hair or background.
    patches: float = 1.2
    #: Expected number of single wrong vectors; two of five are a pair of opposite ones.
    spots: float = 2.0
    #: Motion below about this size is lost, since total variation makes it equal to its surroundings.
    dead: float = 0.0015
    #: Height of the terraces into which total variation turns slopes.
    terrace: float = 0.006
    #: White noise, pixels of the fine grid.
    grain: float = 0.002
    #: Spread of the sizes above between maps: standard deviation of their logarithm.
    spread: float = 0.7


def variational_map(
    activations: Iterable[facs.Activation],
    size: int,
    rng: np.random.Generator,
    *,
    view: facs.View = CROP,
    how: MeasurementNoise | None = None,
) -> Map:
    """Draw u, v (pixels of the fine grid) and strain of a face that shows `activations`: (3, size, size) float32."""
    how = how or MeasurementNoise()
    factor = max(1, round(FINE / size))
    face = _Face(size * factor, rng, how, view)
    for x, y, dx, dy, sx, sy in facs.bumps(activations, face.shape, rng=rng, anatomy=how.anatomy):
        face.add((x, y), (dx, dy), (sx, sy), face.flat)
    if how.fade:
        depth = how.fade * rng.random()
        face.field *= np.clip(1 + np.float32(depth) * (face.smooth(1, rng.uniform(0.2, 0.6)) - 0.2), 0, 2)
    _head(face, rng, how)
    # errors are smoothed by the regulariser like motion, or arise after it (compression, interpolation)
    errors, late = _errors(face, rng, how), rng.random() < 0.5
    face.field += 0 if late else errors
    _surroundings(face, rng, how)
    _outliers(face, rng, how)
    _regularise(face, rng, how)
    face.field += np.float32(0.6) * errors if late else 0
    flow = face.field * np.array([face.side / face.view.width, face.side / face.view.height], np.float32)[:, None, None]
    flow += np.float32(how.grain * _scale(rng, 1.5 * how.spread)) * rng.standard_normal(flow.shape, dtype=np.float32)
    return _shrunk(np.concatenate([flow, strain(flow)[None]]), size, factor, rng)


def _scale(rng: np.random.Generator, spread: float) -> float:
    """Draw a factor with median 1: exp of a normal with standard deviation `spread`."""
    return float(np.exp(spread * rng.standard_normal()))


class _Face:
    """Canvas of one map: shape of the face, face coordinates of the fine grid, and the field drawn so far."""

    def __init__(self, side: int, rng: np.random.Generator, how: MeasurementNoise, view: facs.View) -> None:
        self.side, self.rng = side, rng
        self.shape = facs.random_shape(rng, how.variety)
        right, down, wider, higher = how.crop * rng.standard_normal(4)
        # crops vary less to the sides than above and below
        self.view = facs.View(view.x + 0.6 * right, view.y + down, view.width * (1 + wider), view.height * (1 + higher))
        grid = self.view.grid(side).astype(np.float32)
        turn = np.float32(how.turn * rng.standard_normal())
        bend = self.smooth(2, 0.5) + np.float32(0.4) * self.smooth(2, 0.2)
        bend *= np.float32(how.warp * _scale(rng, how.spread))
        self.x: Field = grid[0] + turn * (grid[1] - np.float32(0.5)) + bend[0]
        self.y: Field = grid[1] - turn * grid[0] + bend[1]
        self.field: Field = np.zeros_like(grid)
        self.flat = rng.uniform(0, how.flat) if how.flat else 0.0

    def smooth(self, count: int, wavelength: float) -> Field:
        """Return smooth random fields of deviation near 1, (count, side, side): noise on a lattice, interpolated."""
        cells = max(2, round(2 * self.view.height / wavelength))
        lattice = self.rng.standard_normal((cells, cells, count), dtype=np.float32)
        fields = cv2.resize(lattice, (self.side, self.side), interpolation=cv2.INTER_CUBIC)
        return np.ascontiguousarray(fields.reshape(self.side, self.side, count).transpose(2, 0, 1))

    def add(
        self, centre: tuple[float, float], by: tuple[float, float], extent: tuple[float, float], flat: float
    ) -> None:
        """Move the skin around `centre`; with `flat` 0 as a Gaussian, with 1 with a flat top and steep edges."""
        columns = self._reach(centre[0], extent[0], self.view.x, self.view.width)
        rows = self._reach(centre[1], extent[1], self.view.y, self.view.height)
        p = (self.x[rows, columns] - np.float32(centre[0])) * np.float32(np.sqrt(0.5) / extent[0])
        q = (self.y[rows, columns] - np.float32(centre[1])) * np.float32(np.sqrt(0.5) / extent[1])
        p = p * p + q * q
        cover = np.float32(1 - flat) * np.exp(-p) + np.float32(flat) * np.exp(-p * p)
        self.field[0, rows, columns] += np.float32(by[0]) * cover
        self.field[1, rows, columns] += np.float32(by[1]) * cover

    def _reach(self, centre: float, extent: float, middle: float, whole: float) -> slice:
        """Return the pixels that a bump can reach: three deviations and the largest distortion of the grid."""
        low, high = (((centre + k * (3 * extent + 0.12) - middle) / whole + 0.5) * self.side for k in (-1, 1))
        return slice(min(max(int(low), 0), self.side), min(max(int(high) + 1, 0), self.side))


def _head(face: _Face, rng: np.random.Generator, how: MeasurementNoise) -> None:
    """Add a head that tilts or comes closer (affine), turns or nods (parallax of an ellipsoid with a nose)."""
    (a, b), (c, d) = (how.affine * _scale(rng, how.spread) * rng.standard_normal((2, 2))).astype(np.float32)
    below = face.y - np.float32(0.5)
    face.field[0] += a * face.x + b * below
    face.field[1] += c * face.x + d * below
    along = np.clip(face.y, 0, 0.8)
    ridge = (face.x / (np.float32(0.09) + np.float32(0.1) * along)) ** 2
    nose = np.exp(np.float32(-0.5) * ridge * ridge) * along * _step(face.shape.nose_length + 0.04 - face.y, 0.025)
    skull = np.sqrt(np.maximum(0, 1 - (face.x / np.float32(1.15)) ** 2 - ((face.y - np.float32(0.45)) / 1.6) ** 2))
    depth = np.float32(0.8) * skull + np.float32(0.5) * nose
    turn, nod = how.parallax * _scale(rng, how.spread) * rng.standard_normal(2)
    face.field[0] += np.float32(turn) * depth
    face.field[1] += np.float32(nod) * depth


def _errors(face: _Face, rng: np.random.Generator, how: MeasurementNoise) -> Field:
    """Return errors of flow over the whole map, (2, side, side): smooth fields of several wavelengths."""
    level = how.noise * _scale(rng, how.spread)
    shares = rng.dirichlet([weight for _, weight in WAVELENGTHS])
    total = np.zeros_like(face.field)
    for share, (wavelength, _) in zip(shares, WAVELENGTHS, strict=True):
        total += np.float32(level * np.sqrt(share)) * face.smooth(2, wavelength)
    return total


def _surroundings(face: _Face, rng: np.random.Generator, how: MeasurementNoise) -> None:
    """Add motion outside the skin: a fringe above the brows with random motion, a background that moves as one."""
    if rng.random() < how.hair[0]:
        edge = -0.5 + 0.12 * rng.standard_normal()
        size = how.hair[1] * _scale(rng, how.spread)
        face.field += np.float32(size) * _step(edge - face.y, 0.03) * face.smooth(2, rng.uniform(0.1, 0.5))
    if rng.random() < how.background[0]:
        across = (face.x / (1.05 * face.shape.face_width)) ** 2
        outside = across + ((face.y - 0.45) / (face.shape.chin - 0.35)) ** 2 - 1
        motion = how.background[1] * _scale(rng, how.spread) * rng.standard_normal(2)
        face.field += _step(outside, rng.uniform(0.03, 0.2)) * motion[:, None, None].astype(np.float32)


def _outliers(face: _Face, rng: np.random.Generator, how: MeasurementNoise) -> None:
    """Add wrong patches as large as an expression (0.012) and wrong vectors as large as a nostril (0.02)."""
    view = face.view
    for _ in range(rng.poisson(how.patches)):
        across = rng.choice([-1, 1]) * rng.uniform(0.35, 0.55) if rng.random() < 0.5 else rng.uniform(-0.5, 0.5)
        centre = (view.x + across * view.width, view.y + rng.uniform(-0.5, 0.5) * view.height)
        by = 0.012 * _scale(rng, how.spread) * rng.standard_normal(2)
        face.add(centre, (by[0], by[1]), tuple(rng.uniform(0.06, 0.25, 2)), 1.0)
    anchors = face.shape.anchors()
    for _ in range(rng.poisson(how.spots)):
        x, y = view.x + rng.uniform(-0.5, 0.5) * view.width, view.y + rng.uniform(-0.5, 0.5) * view.height
        if rng.random() < 0.6:
            x, y = anchors[SPOT_SITES[rng.integers(len(SPOT_SITES))]] + 0.06 * rng.standard_normal(2)
            x *= rng.choice([-1, 1])
        radius = rng.uniform(0.025, 0.08)
        by = 0.02 * _scale(rng, how.spread) * rng.standard_normal(2)
        face.add((x, y), (by[0], by[1]), (radius, radius), 1.0)
        if rng.random() < 0.4:
            angle = rng.uniform(0, 2 * np.pi)
            by = -by * rng.uniform(0.3, 1.2, 2)
            beside = (x + 2 * radius * np.cos(angle), y + 2 * radius * np.sin(angle))
            face.add(beside, (by[0], by[1]), (radius, radius), 1.0)


def _regularise(face: _Face, rng: np.random.Generator, how: MeasurementNoise) -> None:
    """Apply the effects of total variation: faint motion is lost, slopes become terraces."""
    face.field -= np.median(face.field, axis=(1, 2), keepdims=True)
    dead = np.float32(how.dead * abs(rng.standard_normal()))
    face.field -= np.clip(face.field, -dead, dead)
    if how.terrace:
        step = np.float32(how.terrace * _scale(rng, how.spread))
        sharp, phase = np.float32(rng.uniform(0, 1)), rng.uniform(0, 1, (2, 1, 1)).astype(np.float32)
        turns, whole = face.field / step + phase, np.float32(2 * np.pi)
        for _ in range(2):
            turns -= sharp / whole * np.sin(whole * turns)
        face.field = (turns - phase) * step


def _step(values: Field, width: float) -> Field:
    """Return a smooth step from 0 (negative values) to 1 (positive values) over about `width`."""
    return 1 / (1 + np.exp(np.clip(values * np.float32(-1 / width), -30, 30)))


def _shrunk(fine: Field, size: int, factor: int, rng: np.random.Generator) -> Map:
    """Return the fine map at (3, size, size): a random mixture of single pixels (plain resizing) and area means."""
    blocks = fine.reshape(3, size, factor, size, factor)
    row, share = int(rng.integers(factor)), np.float32(rng.uniform(0, 1))
    return (share * blocks[:, :, row, :, row] + (1 - share) * blocks.mean((2, 4))).astype(np.float32)
