"""Bring the motion maps of a data set to where the drawing has the face, by one shift and scale found without labels.

Contract: pure functions of maps (N, 3, S, S) of u, v and strain, each channel with median 0 and deviation 1. Where a
face moves at all is much the same in all sets: brows, lids, cheeks, mouth. So the mean size of motion of a whole set
shows how it was cropped, whoever shows which emotion. Lengths are shares of the side, so they hold at any side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mer.config import InputConfig
from mer.errors import MerError
from mer.inputs.representations.motion_maps import standardise_channels
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.utils.csv_files import read_csv

NONE, AUTO = "none", "auto"
#: Columns of a file of similarities.
COLUMNS = ("dataset", "scale", "right", "down")

Maps = npt.NDArray[np.float32]

#: Limit of single values in means of energy, in standard deviations, so that wrong vectors do not decide them.
CUT = 5.0
#: Scales and shifts that are tried first; then twice half as far around the best.
SCALES = np.exp(np.linspace(np.log(0.65), np.log(1.5), 15))
SHIFTS = np.linspace(-0.25, 0.25, 11)
#: Root mean square displacement below which maps are left as they are: 1.7 pixels of 28. Maps of the usual crop were
#: found a pixel off, and moving them for it did harm (experiments/registration).
SMALLEST = 0.06
#: Maps and people below which nothing is found.
FEWEST_MAPS, FEWEST_PEOPLE = 20, 3
#: Draws of people for the interval of the gain, and its lower end.
DRAWS, LOWEST = 200, 2.5


@dataclass(frozen=True)
class Similarity:
    """A map is scaled about its middle, then moved to the right and down by shares of its side."""

    scale: float = 1.0
    right: float = 0.0
    down: float = 0.0

    def matrix(self, size: int) -> npt.NDArray[np.float32]:
        """Return the 2 x 3 matrix for pixel coordinates of maps of this side."""
        middle = (size - 1) / 2
        rest = middle * (1 - self.scale)
        return np.array(
            [[self.scale, 0, rest + self.right * size], [0, self.scale, rest + self.down * size]], dtype=np.float32
        )

    @property
    def displacement(self) -> float:
        """Return by how much places of a map move, root mean square, as a share of the side."""
        return float(np.sqrt(self.right**2 + self.down**2 + (self.scale - 1) ** 2 / 6))


@dataclass(frozen=True)
class Registration:
    """What was found for one data set.

    Attributes:
        similarity: brings its maps to the drawing.
        before, after: correlation of its mean energy with the drawing's, -1..1.
        low: lower end of the gain's interval over people.
        applied: whether the similarity is used.
        why: in words.
    """

    similarity: Similarity
    before: float
    after: float
    low: float
    applied: bool
    why: str


def profile(energy: npt.NDArray) -> npt.NDArray[np.float64]:
    """Return mean energy (3, S, S) as logarithms over each channel's mean, so that no single strong place decides.

    A tenth of the mean is added: below, there is no motion but noise.
    """
    found: npt.NDArray[np.float64] = np.log(energy / energy.mean(axis=(1, 2), keepdims=True) + 0.1)
    return found


def energies(maps: Maps) -> npt.NDArray[np.float64]:
    """Return the size of motion of each map, (N, 3, S, S), clipped at `CUT`."""
    return np.minimum(np.abs(maps), CUT).astype(np.float64)


def warp(maps: npt.NDArray, similarity: Similarity) -> npt.NDArray:
    """Return maps (..., S, S) moved by a similarity; 0, which is no motion, where they do not reach."""
    size = maps.shape[-1]
    matrix, planes = similarity.matrix(size), maps.reshape(-1, size, size)
    moved = [cv2.warpAffine(plane, matrix, (size, size), flags=cv2.INTER_LINEAR) for plane in planes]
    return np.stack(moved).reshape(maps.shape)


def register_maps(maps: Maps, similarity: Similarity) -> Maps:
    """Return maps (N, 3, S, S) moved by a similarity, each channel standardised again."""
    return np.stack([standardise_channels(one) for one in warp(np.asarray(maps, dtype=np.float32), similarity)])


def measured_part(maps: npt.NDArray) -> npt.NDArray[np.bool_]:
    """Return where maps (N, C, S, S) were measured (S, S): without rows and columns at the edge that only repeat.

    Maps that were moved or padded before have such edges; taken for places without motion, they would be moved out.
    """
    found = np.ones(maps.shape[-2:], dtype=bool)
    for axis in (-2, -1):
        steps = np.abs(np.diff(maps, axis=axis)).mean(axis=tuple(k for k in range(4) if k != maps.ndim + axis))
        moving = np.flatnonzero(steps > 0.05 * np.median(steps))
        if len(moving):
            first, last = moving[0], moving[-1] + 1  # of the lines that differ from a neighbour
            alive = np.zeros(maps.shape[axis], dtype=bool)
            # beside an edge that repeats, one line is the edge's own and one half of it
            alive[first + 2 * (first > 0) : last + 1 - 2 * (last < len(alive) - 1)] = True
            found &= alive[:, None] if axis == -2 else alive[None, :]
    return found


def find_registration(maps: Maps, subjects: Sequence[str], reference: Callable[[], npt.NDArray]) -> Registration:
    """Return the similarity that brings the mean energy of maps closest to the drawing's, and whether to use it.

    Args:
        maps: of one data set (N, 3, S, S).
        subjects: person of each map (N,).
        reference: gives the mean energy of drawn maps (3, S, S), where it is needed.
    """
    people, rows = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    none = Similarity()
    if len(maps) < FEWEST_MAPS or len(people) < FEWEST_PEOPLE:
        why = f"{len(maps)} maps of {len(people)} people are too few; {FEWEST_MAPS} of {FEWEST_PEOPLE} are needed"
        return Registration(none, float("nan"), float("nan"), float("nan"), applied=False, why=why)
    sums = np.zeros((len(people), *maps.shape[1:]))
    np.add.at(sums, rows, energies(maps))
    whole, part, drawn = profile(sums.sum(axis=0)), measured_part(maps), profile(reference())
    found = fit(whole, drawn, part)
    before, after = likeness(whole, drawn, none, part), likeness(whole, drawn, found, part)
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(DRAWS):
        some = profile(sums[rng.integers(len(people), size=len(people))].sum(axis=0))
        gains.append(likeness(some, drawn, found, part) - likeness(some, drawn, none, part))
    low = float(np.percentile(gains, LOWEST))
    if found.displacement < SMALLEST:
        return Registration(found, before, after, low, applied=False, why="it lies nearly as drawn")
    if low <= 0:
        return Registration(found, before, after, low, applied=False, why="the gain is not sure")
    return Registration(found, before, after, low, applied=True, why="surely nearer to the drawing")


def fit(energy: npt.NDArray, reference: npt.NDArray, part: npt.NDArray[np.bool_]) -> Similarity:
    """Return the similarity under which a profile (3, S, S) is most like the reference: coarse steps, then finer ones.

    `part` (S, S) is where it was measured.
    """
    tried = [Similarity(*map(float, one)) for one in product(SCALES, SHIFTS, SHIFTS)]
    scale, shift = SCALES[1] / SCALES[0], SHIFTS[1] - SHIFTS[0]
    for _ in range(3):
        best = max(tried, key=lambda one: likeness(energy, reference, one, part))
        scale, shift = scale**0.5, shift / 2
        steps = product((1 / scale, 1.0, scale), (-shift, 0.0, shift), (-shift, 0.0, shift))
        tried = [Similarity(best.scale * s, best.right + x, best.down + y) for s, x, y in steps]
    return best


def likeness(energy: npt.NDArray, reference: npt.NDArray, similarity: Similarity, part: npt.NDArray[np.bool_]) -> float:
    """Return the mean correlation over channels of a moved profile with the reference's, where the moved maps reach."""
    size = energy.shape[-1]
    layers = np.concatenate([energy, part[None]]).transpose(1, 2, 0).astype(np.float32)
    layers = cv2.warpAffine(layers, similarity.matrix(size), (size, size), flags=cv2.INTER_LINEAR)
    inside = layers[..., 3] > 0.99
    moved, fixed = layers[inside, :3].T.astype(np.float64), reference[:, inside]
    moved, fixed = (values - values.mean(axis=1, keepdims=True) for values in (moved, fixed))
    lengths = np.sqrt((moved**2).sum(axis=1) * (fixed**2).sum(axis=1))
    return float(np.mean((moved * fixed).sum(axis=1) / np.maximum(lengths, 1e-12)))


def config_errors(config: InputConfig) -> list[str]:
    """Return the errors of `input.register`, one sentence each."""
    if config.register == NONE:
        return []
    known = REPRESENTATIONS.get(config.representation)
    if known is None or not known.motion or known.flip_signs != (-1, 1, 1):
        return [
            "input.register: expected none with inputs other than u, v and strain (flow, motion_map), whose mean "
            f"energy is compared with drawn motion, got {config.register} with {config.representation}"
        ]
    if config.register == AUTO:
        return []
    try:
        read_similarities(config.register)
    except MerError as error:
        return [str(error)]
    return []


def read_similarities(path: str) -> dict[str, Similarity]:
    """Return the similarity of each data set from a CSV with `COLUMNS`; shifts are shares of the side.

    Raises:
        MerError: there is no such file, a column is missing, or a value is no number in its range.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise MerError(f"input.register: expected none, auto or a CSV of {', '.join(COLUMNS)}, got no file {file}")
    try:
        table = read_csv(file, dtype=str, keep_default_na=False)
        numbers = table[list(COLUMNS[1:])].astype(float)
    except (ValueError, KeyError) as error:
        raise MerError(
            f"input.register: {file}: expected the columns {', '.join(COLUMNS)}, numbers: {error}"
        ) from error
    wrong = ~(numbers["scale"].between(0.5, 2) & numbers[["right", "down"]].abs().le(0.5).all(axis=1))
    if wrong.any():
        raise MerError(
            f"input.register: {file}: expected scales of 0.5 to 2 and shifts of -0.5 to 0.5 of the side, got others in "
            f"the row of {table['dataset'][wrong].iloc[0]!r}"
        )
    rows = zip(table["dataset"], numbers.to_numpy(), strict=True)
    return {str(name): Similarity(*map(float, values)) for name, values in rows}
