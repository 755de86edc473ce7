"""Inputs that a source draws: normalised, kept, drawn anew when anything that decides them changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mer.config import InputConfig
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError
from mer.inputs.drawn_arrays import drawn_cache
from mer.inputs.representations.registry import standardise_channels
from tests.inputs.conftest import table_of

FLOW = InputConfig(representation="motion_map", size=28)


class Drawer:
    """Random maps by row; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, table: SampleTable, size: int) -> np.ndarray:
        self.asked += 1
        seeds = [int(sample[-3:]) for sample in table.frame["sample_id"]]
        return np.stack([np.random.default_rng(seed).normal(seed, 2, (3, size, size)) for seed in seeds]).astype("f4")


@pytest.fixture
def table(tmp_path: Path) -> SampleTable:
    return table_of([""] * 6)


def test_rows_are_normalised_maps_and_drawn_once(table, tmp_path):
    draw = Drawer()
    first = drawn_cache(table, FLOW, tmp_path, draw=draw, settings=[1])
    again = drawn_cache(table, FLOW, tmp_path, draw=draw, settings=[1])
    assert draw.asked == 1 and not first.flags.writeable
    np.testing.assert_array_equal(first, again)
    expected = np.stack([standardise_channels(one) for one in draw(table, 28)])
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_allclose(np.median(first, axis=(2, 3)), 0, atol=1e-6)


def test_other_settings_sizes_and_samples_are_drawn_anew(table, tmp_path):
    draw = Drawer()
    drawn_cache(table, FLOW, tmp_path, draw=draw, settings=[1])
    drawn_cache(table, FLOW, tmp_path, draw=draw, settings=[2])
    drawn_cache(table, InputConfig(representation="motion_map", size=32), tmp_path, draw=draw, settings=[1])
    drawn_cache(table.select(np.arange(6) < 4), FLOW, tmp_path, draw=draw, settings=[1])
    assert draw.asked == 4


def test_a_damaged_file_is_drawn_anew(table, tmp_path):
    draw = Drawer()
    drawn_cache(table, FLOW, tmp_path, draw=draw, settings=[1])
    (kept,) = (tmp_path / "drawn").glob("*.npy")
    kept.write_bytes(kept.read_bytes()[:5000])
    pixels = drawn_cache(table, FLOW, tmp_path, draw=draw, settings=[1])
    assert draw.asked == 2 and pixels.shape == (6, 3, 28, 28)


def test_what_is_no_map_of_motion_cannot_be_drawn(table, tmp_path):
    with pytest.raises(ConfigError, match=r"input\.representation: expected flow or motion_map"):
        drawn_cache(table, InputConfig(representation="apex", size=28), tmp_path, draw=Drawer(), settings=[1])


def test_maps_of_another_shape_are_refused(table, tmp_path):
    with pytest.raises(ValueError, match="expected drawn maps of shape"):
        drawn_cache(table, FLOW, tmp_path, draw=lambda table, size: np.zeros((2, 3, size, size)), settings=[1])
