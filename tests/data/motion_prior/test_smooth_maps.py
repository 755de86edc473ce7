"""Motion maps against the fields they come from and against strains known in closed form."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from mer.data import facs
from mer.data.motion_prior import smooth_maps
from mer.utils.optical_strain import strain as motion_strain

#: Every kind of disturbance; the wavelengths only share out the noise.
PARTS = tuple(field.name for field in fields(smooth_maps.SmoothNoise) if field.name != "wavelengths")
OFF = smooth_maps.SmoothNoise(**dict.fromkeys(PARTS, 0.0))
SMILE = (facs.Activation(6, 0.5, 0.4), facs.Activation(12, 0.8, 0.9))


def test_without_disturbance_the_map_is_the_field_in_pixels() -> None:
    drawn = smooth_maps.motion_map(SMILE, 40, np.random.default_rng(0), disturbance=OFF)
    field = facs.displacement(SMILE, smooth_maps.CROP.grid(40))
    np.testing.assert_allclose(drawn[0], field[0] * 40 / smooth_maps.CROP.width, atol=1e-6)
    np.testing.assert_allclose(drawn[1], field[1] * 40 / smooth_maps.CROP.height, atol=1e-6)


@pytest.mark.parametrize("size", [28, 56, 112])
def test_maps_are_finite_float32_of_any_size_and_repeat_with_their_seed(size: int) -> None:
    first, second, other = (smooth_maps.motion_map(SMILE, size, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (3, size, size) and first.dtype == np.float32 and np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_sizes_show_the_same_motion() -> None:
    small, large = (smooth_maps.motion_map(SMILE, size, np.random.default_rng(0), disturbance=OFF) for size in (32, 64))
    halved = large.reshape(3, 32, 2, 32, 2).mean((2, 4))
    np.testing.assert_allclose(small[:2], halved[:2] / 2, atol=0.02)


def test_strain_of_linear_fields_is_the_norm_of_their_symmetric_part() -> None:
    rng = np.random.default_rng(4)
    rows, columns = np.mgrid[:9, :11].astype(float)
    for gradient in rng.normal(size=(5, 2, 2)):
        flow = np.stack(
            [gradient[0, 0] * columns + gradient[0, 1] * rows, gradient[1, 0] * columns + gradient[1, 1] * rows]
        )
        expected = np.linalg.norm((gradient + gradient.T) / 2)
        np.testing.assert_allclose(motion_strain(flow), np.full((9, 11), expected), rtol=1e-9)


def test_rotation_and_shift_have_no_strain() -> None:
    rows, columns = np.mgrid[:9, :9].astype(float)
    np.testing.assert_allclose(
        motion_strain(np.stack([3 - 0.1 * rows, 0.1 * columns - 2])), np.zeros((9, 9)), atol=1e-12
    )


@pytest.mark.parametrize("part", PARTS)
def test_each_disturbance_alone_changes_the_map(part: str) -> None:
    how = replace(OFF, **{part: 5.0 if part == "patches" else 0.05})
    clean = smooth_maps.motion_map(SMILE, 28, np.random.default_rng(0), disturbance=OFF)
    disturbed = smooth_maps.motion_map(SMILE, 28, np.random.default_rng(0), disturbance=how)
    assert np.abs(clean - disturbed).max() > 1e-3


def test_head_motion_is_affine_and_noise_is_of_the_size_asked_for() -> None:
    head = replace(OFF, shift=0.02, affine=0.02)
    drawn = smooth_maps.motion_map((), 30, np.random.default_rng(2), disturbance=head)
    np.testing.assert_allclose(np.diff(drawn[:2], n=2, axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(np.diff(drawn[:2], n=2, axis=2), 0, atol=1e-5)
    noise = replace(OFF, noise=0.01)
    maps = np.stack(
        [smooth_maps.motion_map((), 30, np.random.default_rng(seed), disturbance=noise) for seed in range(60)]
    )
    # levels differ between maps by a factor of two, and interpolation takes up to half of the deviation
    assert 0.4 < np.median(maps[:, 0].std((1, 2))) / (0.01 * 30 / smooth_maps.CROP.width) < 1.2
