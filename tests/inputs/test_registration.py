"""Registration finds the shift and scale of a set of drawn maps without labels, and leaves well cropped ones alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mer.config import InputConfig, MotionPriorData
from mer.data.motion_prior import source as prior
from mer.inputs.registration import (
    Similarity,
    config_errors,
    energies,
    find_registration,
    read_similarities,
    register_maps,
    warp,
)
from mer.inputs.representations.motion_maps import standardise_channels


def drawn(seed: int, count: int) -> np.ndarray:
    """Standardised maps of the motion prior."""
    maps = prior.draw_maps(MotionPriorData("motion_prior", maps=count, seed=seed), 28, processes=1)
    return np.stack([standardise_channels(one) for one in maps])


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    """Mean energy of drawn maps."""
    return energies(drawn(0, 300)).mean(axis=0)


@pytest.fixture(scope="module")
def maps() -> np.ndarray:
    """A set of maps of other faces."""
    return drawn(1, 120)


PEOPLE = [f"p{k % 12}" for k in range(120)]


def test_a_set_that_is_cropped_as_drawn_is_left_alone(maps: np.ndarray, reference: np.ndarray) -> None:
    found = find_registration(maps, PEOPLE, lambda: reference)
    assert not found.applied
    assert found.similarity.displacement < 0.06


@pytest.mark.parametrize(
    "crop", [Similarity(1.2, 0.0, -0.12), Similarity(0.8, 0.1, 0.05), Similarity(1.05, -0.12, 0.1)]
)
def test_another_crop_of_a_set_is_found_and_undone(maps: np.ndarray, reference: np.ndarray, crop: Similarity) -> None:
    found = find_registration(register_maps(maps, crop), PEOPLE, lambda: reference)
    assert found.applied
    assert found.after > found.before + 0.05
    # together they move a place by a pixel of 28 at most
    back = found.similarity
    both = Similarity(back.scale * crop.scale, back.scale * crop.right + back.right, back.scale * crop.down + back.down)
    assert both.displacement < 1 / 28


def test_few_maps_or_people_say_nothing(maps: np.ndarray, reference: np.ndarray) -> None:
    moved = register_maps(maps, Similarity(1.2, 0.0, -0.12))
    for found in (
        find_registration(moved[:10], PEOPLE[:10], lambda: reference),
        find_registration(moved, ["a"] * 120, lambda: reference),
    ):
        assert not found.applied
        assert "too few" in found.why


def test_a_map_is_scaled_about_its_middle_and_then_moved() -> None:
    one = np.zeros((1, 1, 28, 28), dtype=np.float32)
    one[0, 0, 10, 20] = 1.0  # 3.5 above and 6.5 to the right of the middle
    moved = warp(one, Similarity(1.0, -2 / 28, 3 / 28))
    assert np.argwhere(moved[0, 0] == 1.0).tolist() == [[13, 18]]
    double = warp(one, Similarity(2.0, 0.0, 0.0))[0, 0]
    rows, columns = np.indices((28, 28))
    assert (double * rows).sum() / double.sum() == pytest.approx(13.5 - 2 * 3.5)
    assert (double * columns).sum() / double.sum() == pytest.approx(13.5 + 2 * 6.5, abs=0.3)


def test_a_file_of_similarities_is_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "crops.csv"
    path.write_text("dataset,scale,right,down\nlab,1.2,0,-0.1\n")
    assert read_similarities(str(path)) == {"lab": Similarity(1.2, 0.0, -0.1)}
    assert config_errors(InputConfig(representation="motion_map", register=str(path))) == []
    path.write_text("dataset,scale,right,down\nlab,12,0,-0.1\n")
    assert (
        "expected scales of 0.5 to 2" in config_errors(InputConfig(representation="motion_map", register=str(path)))[0]
    )
    path.write_text("dataset,scale,right\nlab,1,0\n")
    assert "expected the columns" in config_errors(InputConfig(representation="motion_map", register=str(path)))[0]
    assert "no file" in config_errors(InputConfig(representation="motion_map", register="crops"))[0]
    assert "flow, motion_map" in config_errors(InputConfig(representation="apex", register="auto"))[0]
    assert config_errors(InputConfig(representation="apex")) == []
