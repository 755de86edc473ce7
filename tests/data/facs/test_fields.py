"""Displacement fields against slow sums, mirror images and what anatomy says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.data import facs

GRID = facs.View().grid(48)
#: Units that say by their name where skin goes: unit -> (anchor, sign of dx for the person's left side, sign of dy).
DIRECTIONS = {
    1: ("brow_inner", None, -1),
    2: ("brow_outer", None, -1),
    4: ("brow_inner", -1, 1),
    5: ("upper_lid", None, -1),
    6: ("cheek", None, -1),
    7: ("lower_lid", None, -1),
    9: ("nose_wing", None, -1),
    10: ("upper_lip", None, -1),
    12: ("mouth_corner", 1, -1),
    14: ("mouth_corner", 1, None),
    15: ("mouth_corner", None, 1),
    16: ("lower_lip", None, 1),
    17: ("chin", None, -1),
    20: ("mouth_corner", 1, None),
    23: ("mouth_corner", -1, None),
    25: ("lower_lip_middle", None, 1),
    26: ("jaw", None, 1),
    45: ("upper_lid", None, 1),
    80: ("throat", None, -1),
}

codes = st.sampled_from(sorted(facs.ACTION_UNITS))
levels = st.floats(0, 1)
activations = st.lists(st.builds(facs.Activation, codes, levels, levels), max_size=4)


def slow_displacement(items: list[facs.Activation], x: float, y: float, shape: facs.FaceShape) -> tuple[float, float]:
    """The definition, one point and one bump at a time."""
    dx = dy = 0.0
    for item in items:
        for bump in facs.ACTION_UNITS[item.code].bumps:
            ax, ay = shape.anchors()[bump.anchor]
            for side, level in ((1, item.left), (-1, item.right)):
                if ax == 0:
                    level = level / 2
                far = ((x - side * ax) / (bump.sx * shape.spread)) ** 2 + ((y - ay) / (bump.sy * shape.spread)) ** 2
                weight = level * math.exp(-far / 2)
                dx += weight * bump.dx * (1 if bump.parallel else 0 if ax == 0 else side)
                dy += weight * bump.dy
    return dx, dy


@settings(max_examples=40, deadline=None)
@given(activations, st.floats(-1.5, 1.5), st.floats(-1, 2), st.integers(0, 99))
def test_field_equals_the_slow_sum(items: list[facs.Activation], x: float, y: float, seed: int) -> None:
    shape = facs.random_shape(np.random.default_rng(seed))
    field = facs.displacement(items, np.array([[x], [y]]), shape)
    np.testing.assert_allclose(field[:, 0], slow_displacement(items, x, y, shape), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(activations)
def test_exchanging_the_sides_mirrors_the_field(items: list[facs.Activation]) -> None:
    turned = {61: 62, 62: 61}
    mirrored = [facs.Activation(turned.get(a.code, a.code), a.right, a.left) for a in items]
    field = facs.displacement(items, GRID)
    expected = field[:, :, ::-1] * np.array([-1, 1])[:, None, None]
    np.testing.assert_allclose(facs.displacement(mirrored, GRID), expected, atol=1e-12)


@pytest.mark.parametrize("code", sorted(DIRECTIONS))
def test_unit_moves_skin_where_and_whither_its_name_says(code: int) -> None:
    anchor, sign_x, sign_y = DIRECTIONS[code]
    place = facs.AVERAGE.anchors()[anchor]
    dx, dy = facs.displacement([facs.Activation(code, 1, 1)], np.array(place)[:, None])[:, 0]
    assert sign_x is None or np.sign(dx) == sign_x
    assert sign_y is None or np.sign(dy) == sign_y
    assert 0.01 < math.hypot(dx, dy) < 0.12


def test_blink_is_the_widest_motion_and_every_unit_moves_something() -> None:
    tops = {code: np.hypot(*facs.displacement([facs.Activation(code, 1, 1)], GRID)).max() for code in facs.ACTION_UNITS}
    assert max(tops, key=tops.__getitem__) == 45
    assert min(tops.values()) > 0.015


def test_one_side_leaves_the_other_at_rest() -> None:
    field = np.hypot(*facs.displacement([facs.Activation(12, 1, 0)], GRID))
    left, right = field[:, 24:].max(), field[:, :10].max()
    assert right < 0.02 * left


def test_mask_is_empty_without_motion_and_shrinks_with_the_share() -> None:
    field = facs.displacement([facs.Activation(4, 1, 1)], GRID)
    assert not facs.moving_mask(np.zeros((2, 4, 4))).any()
    assert facs.moving_mask(field, 0.6).sum() < facs.moving_mask(field, 0.3).sum() < field[0].size / 3


@pytest.mark.parametrize("code", [1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 25])
def test_regions_hold_their_landmarks_and_not_the_far_end_of_the_face(code: int) -> None:
    x, y = facs.AVERAGE.anchors()[DIRECTIONS[code][0]]
    far = 1.6 if y < 0.5 else -0.4
    points = np.array([[[x, -x, 0.0]], [[y, y, far]]])
    inside = facs.region([code], np.concatenate([points, GRID[:, :1, :3]], axis=2))
    assert inside[0, :2].all() and not inside[0, 2]


def test_region_of_several_units_is_their_union() -> None:
    both = facs.region([1, 12], GRID)
    np.testing.assert_array_equal(both, facs.region([1], GRID) | facs.region([12], GRID))


def test_grid_and_pixels_are_inverse() -> None:
    view = facs.View(0.1, 0.4, 2.0, 2.6)
    rows, columns = np.mgrid[:32, :32]
    np.testing.assert_allclose(view.pixels(view.grid(32), 32), np.stack([columns, rows]), atol=1e-9)


def test_au_text_names_the_side_that_acts_alone() -> None:
    items = [
        facs.Activation(14, 0, 0.4),
        facs.Activation(4, 0.2, 0.1),
        facs.Activation(12, 0.3, 0),
        facs.Activation(7, 0, 0),
    ]
    assert facs.au_text(items) == ("4", "L12", "R14")
