"""Small tables of image files with known content, for the tests of this room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mer.data.samples.table import SampleTable

Writer = Callable[..., SampleTable]


def texture(size: int, *, shift: tuple[float, float] = (0.0, 0.0), seed: int = 0) -> np.ndarray:
    """Smooth random grey levels (S, S) uint8 moved right and down by `shift` pixels without interpolating."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size].astype(float)
    x, y = x - shift[0], y - shift[1]
    picture = np.zeros((size, size))
    for _ in range(60):
        wavelength, angle, phase = rng.uniform(6, 40), rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
        picture += np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / wavelength + phase)
    return np.clip(np.rint(128 + 12 * picture), 0, 255).astype(np.uint8)


def save(path: Path, pixels: np.ndarray) -> str:
    """Write pixels as an image of the path's type; returns the path as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return str(path)


def table_of(
    apex: Sequence[str], onset: Sequence[str] | None = None, labels: Sequence[str] | None = None
) -> SampleTable:
    """One clip a subject from paths of its frames; labels "a" and "b" in turn unless given."""
    count = len(apex)
    labels = labels or ["ab"[i % 2] for i in range(count)]
    frame = pd.DataFrame(
        {
            "sample_id": [f"set/{i:03d}" for i in range(count)],
            "dataset": "set",
            "subject": [f"{i:03d}" for i in range(count)],
            "clip": [f"{i:03d}" for i in range(count)],
            **{name: pd.array([None] * count, dtype="Int64") for name in ("onset", "apex", "offset")},
            "apex_source": "",
            "aus": "",
            "emotion": "",
            "label": labels,
            "onset_path": onset or [""] * count,
            "apex_path": apex,
            "offset_path": "",
            "folder": "",
        }
    )
    return SampleTable(frame, tuple(sorted(set(labels))), name="test set")


@pytest.fixture
def clips(tmp_path: Path) -> SampleTable:
    """Four clips of 40x40 grey frames that move by half a pixel to the right."""
    folder = tmp_path / "data"
    onset = [save(folder / f"{i}_onset.png", texture(40, seed=i)) for i in range(4)]
    apex = [save(folder / f"{i}_apex.png", texture(40, shift=(0.5, 0.0), seed=i)) for i in range(4)]
    return table_of(apex, onset)
