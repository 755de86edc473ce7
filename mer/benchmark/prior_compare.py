"""Compare drawn motion maps with measured ones, in numbers and pictures.

    python -m mer.benchmark prior MANIFEST --out DIR [--maps 600]

Contract: a manifest of motion maps (u, v, strain in red, green, blue) is read and never copied. The table
`statistics.csv` and the pictures hold means over maps, no single measured map. Labels are used for class means only.
Nothing is fitted: the numbers of the drawing are set by hand.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from rich.console import Console

from mer.config import ManifestData, MotionPriorData
from mer.data import manifest
from mer.data.motion_prior import source as prior
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs.frames.image_files import read_image, write_image
from mer.utils.optical_strain import strain

CHANNELS = ("u", "v", "strain")

#: Bands of rows of an aligned face, as shares of the height.
BANDS = {"brows": (0.0, 0.18), "eyes": (0.18, 0.36), "nose": (0.36, 0.57), "mouth": (0.57, 0.79), "chin": (0.79, 1.0)}

#: Limit of values in means of energy, in standard deviations, so that single wrong vectors do not decide them.
CUT = 5.0


def centred(maps: np.ndarray) -> np.ndarray:
    """Return maps (N, 3, S, S) with median 0 and standard deviation 1 per channel; a constant channel becomes 0."""
    maps = maps - np.median(maps, axis=(2, 3), keepdims=True)
    return maps / np.maximum(maps.std(axis=(2, 3), keepdims=True), 1e-6)


def statistics(maps: np.ndarray) -> dict[str, np.ndarray]:
    """Return statistics of maps (N, 3, S, S), each (N,), independent of the zero and scale of the channels.

    They are: skewness and kurtosis (3 for a normal, high for sparse values); share of equal neighbours; power at half,
    quarter and eighth of the sampling frequency; energy in the border and in `BANDS`; correlation with the mirror
    image, between channels, and of the given strain with the strain of the given u and v.
    """
    values = centred(maps)
    size = maps.shape[-1]
    border = np.ones((size, size), dtype=bool)
    border[2:-2, 2:-2] = False
    found: dict[str, np.ndarray] = {}
    for name, channel in zip(CHANNELS, values.swapaxes(0, 1), strict=True):
        moved = channel - channel.mean((1, 2), keepdims=True)
        found[f"{name} skewness"] = (moved**3).mean((1, 2)) / np.maximum(moved.std((1, 2)), 1e-6) ** 3
        found[f"{name} kurtosis"] = (moved**4).mean((1, 2)) / np.maximum(moved.var((1, 2)), 1e-12) ** 2
        found[f"{name} neighbours alike"] = (np.abs(np.diff(channel, axis=2)) < 0.1).mean((1, 2))
        power = np.abs(np.fft.fft2(channel)) ** 2
        whole = np.maximum(power.sum((1, 2)) - power[:, 0, 0], 1e-9)
        for part in (8, 4, 2):
            wave = size // part
            found[f"{name} power at 1/{part}"] = np.log10((power[:, 0, wave] + power[:, wave, 0] + 1e-9) / whole)
        energy = np.minimum(np.abs(channel), CUT) ** 2
        total = np.maximum(energy.sum((1, 2)), 1e-9)
        found[f"{name} energy in the border"] = energy[:, border].sum(1) / total
        for band, (top, bottom) in BANDS.items():
            rows = slice(round(top * size), round(bottom * size))
            found[f"{name} energy at the {band}"] = energy[:, rows].sum((1, 2)) / total
        found[f"{name} mirror"] = _correlation(channel, channel[..., ::-1])
    found["u with v"] = _correlation(values[:, 0], values[:, 1])
    found["|u| with strain"] = _correlation(np.abs(values[:, 0]), values[:, 2])
    found["|v| with strain"] = _correlation(np.abs(values[:, 1]), values[:, 2])
    found["strain with that of u, v"] = _correlation(np.stack([strain(one[:2]) for one in maps]), values[:, 2])
    return found


def table(sets: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return the percentiles 10, 50 and 90 of every statistic: one row per statistic, columns (set, percentile)."""
    parts = {}
    for name, maps in sets.items():
        deciles = {key: np.percentile(value, [10, 50, 90]) for key, value in statistics(maps).items()}
        parts[name] = pd.DataFrame(deciles, index=["10%", "50%", "90%"]).T
    return pd.concat(parts, axis=1)


def class_means(maps: np.ndarray, targets: np.ndarray, classes: int) -> np.ndarray:
    """Return the mean map of every class, (classes, 3, S, S), of centred maps clipped at `CUT`."""
    values = np.clip(centred(maps), -CUT, CUT)
    return np.stack([values[targets == k].mean(0) for k in range(classes)])


def picture(means: np.ndarray, side: int = 168) -> np.ndarray:
    """Return class means (u, v, strain of each) side by side: grey (side, ...) uint8, median 128, one deviation 110."""
    tiles = np.clip(128 + 110 * means, 0, 255).astype(np.uint8).reshape(-1, *means.shape[2:])
    return np.hstack([cv2.resize(tile, (side, side), interpolation=cv2.INTER_NEAREST) for tile in tiles])


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the correlation of each pair of maps (N, S, S), shape (N,); 0 if one of them is constant."""
    a, b = (part - part.mean((1, 2), keepdims=True) for part in (first, second))
    length = np.sqrt((a * a).sum((1, 2)) * (b * b).sum((1, 2)))
    return (a * b).sum((1, 2)) / np.maximum(length, 1e-9)


def _measured(samples: SampleTable) -> np.ndarray:
    """Read the maps of a manifest, (N, 3, S, S) float32; SampleError for one of another shape."""
    maps: list[np.ndarray] = []
    for path in samples.frame["apex_path"]:
        image = read_image(path)
        expected = maps[0].shape[1:] if maps else image.shape[:1] * 2
        if image.ndim != 3 or image.shape[:2] != expected:
            raise SampleError(
                f"{path}: expected a square motion map in colour of the size of the others, got {image.shape}; "
                "leave its row out"
            )
        maps.append(image.transpose(2, 0, 1).astype(np.float32))
    return np.stack(maps)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the manifest, the folder of the results, and what is drawn."""
    parser.add_argument("manifest", help="CSV of motion maps, as data=manifest reads it")
    parser.add_argument("--out", type=Path, required=True, help="folder for the table and the pictures")
    parser.add_argument("--maps", type=int, default=600, help="drawn maps of each family (default %(default)s)")
    parser.add_argument("--labels", help="classes to draw, as data.labels of data=motion_prior")


def run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Write `statistics.csv`, `drawn_FAMILY.png` and `measured.png`; print the medians.

    Raises:
        MerError: the manifest or one of its maps cannot be used, or the drawing is misconfigured.
    """
    samples = manifest.load(ManifestData(name="manifest", manifest=given.manifest), given.out)
    measured = _measured(samples)
    given.out.mkdir(parents=True, exist_ok=True)
    sets, size = {"measured": measured}, measured.shape[-1]
    for family in prior.FAMILIES:
        data = MotionPriorData("motion_prior", given.labels, maps=given.maps, evenness=0.0, families=[family])
        dealt = prior.load(data)
        sets[family] = prior.draw_maps(data, size)
        means = class_means(sets[family], dealt.targets, len(dealt.classes))
        write_image(given.out / f"drawn_{family}.png", picture(means))
    means = class_means(measured, samples.targets, len(samples.classes))
    write_image(given.out / "measured.png", picture(means))
    found = table(sets)
    found.to_csv(given.out / "statistics.csv", float_format="%.4f")
    Console().print(found.xs("50%", axis=1, level=1).round(3).to_string())
