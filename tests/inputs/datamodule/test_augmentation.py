"""Augmentation: a function of the seed alone, right under mirrors, and one warp that agrees with scipy's."""

from __future__ import annotations

import pickle
import random
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mer.config import AugmentConfig
from mer.inputs.datamodule.augmentation import AffineWarp, Augmenter
from mer.inputs.representations.registry import REPRESENTATIONS, Representation
from tests.inputs.conftest import texture

OFF = AugmentConfig(mirror=0.0, shift=0.0, rotate=0.0, scale=0.0, brightness=0.0)
FULL = AugmentConfig(mirror=0.5, shift=0.1, rotate=10.0, scale=0.1, brightness=20.0, probability=0.7)
APEX, FLOW = REPRESENTATIONS["apex"], REPRESENTATIONS["flow"]


def image(channels: int, size: int = 32) -> np.ndarray:
    """(C, S, S) float32, values far outside 0..1 and of both signs."""
    return np.stack([texture(size, seed=k) for k in range(channels)]).astype(np.float32) - 100


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), channels=st.sampled_from([1, 3]))
def test_the_seed_alone_decides(seed: int, channels: int) -> None:
    x, one, other = image(channels), Augmenter(FULL, APEX), Augmenter(FULL, APEX)
    other(x, 1)  # draws made before do not matter, nor do the generators of the process
    random.seed(1)
    state = random.getstate()
    changed = one(x, seed)
    assert random.getstate() == state
    assert changed.dtype == np.float32
    assert changed.flags.c_contiguous
    np.testing.assert_array_equal(other(x, seed), changed)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(other))(x, seed), changed)
    np.testing.assert_array_equal(x, image(channels))


def test_other_seeds_give_other_changes() -> None:
    augmenter, x = Augmenter(FULL, APEX), image(1)
    assert len({augmenter(x, seed).tobytes() for seed in range(50)}) > 45


def test_both_generators_of_albumentations_begin_at_the_seed() -> None:
    augmenter = Augmenter(FULL, APEX)
    drawn = []
    for seed in (5, 6, 5):
        augmenter(image(1), seed)
        steps = augmenter.compose.transforms  # type: ignore[union-attr]
        drawn.append([(step.py_random.random(), step.random_generator.random()) for step in steps])
    assert drawn[0] == drawn[2]
    assert drawn[0] != drawn[1]


def test_nothing_configured_changes_nothing() -> None:
    for values in (image(3), np.arange(28 * 28, dtype=np.uint8).reshape(1, 28, 28)):
        same = Augmenter(OFF, APEX)(values, 3)
        assert same.dtype == np.float32
        np.testing.assert_array_equal(same, values)


@pytest.mark.parametrize("name", REPRESENTATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_certain_mirror_turns_the_signs_that_the_representation_declares(name: str, channels: int) -> None:
    chosen = REPRESENTATIONS[name]
    if chosen.flip_signs is not None and len(chosen.flip_signs) != channels:
        channels = len(chosen.flip_signs)
    signs = np.array(chosen.flip_signs or [1] * channels)[:, None, None]
    mirrored = Augmenter(replace(OFF, mirror=1.0), chosen)(image(channels), 0)
    np.testing.assert_array_equal(mirrored, image(channels)[..., ::-1] * signs)


def test_about_as_many_are_mirrored_as_configured() -> None:
    augmenter, x = Augmenter(replace(OFF, mirror=0.3), FLOW), image(3)
    share = np.mean([not np.array_equal(augmenter(x, seed), x) for seed in range(1000)])
    assert abs(share - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 1000)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_brightness_adds_one_value_within_its_limit(seed: int) -> None:
    added = Augmenter(replace(OFF, brightness=10.0), APEX)(image(1), seed) - image(1)
    np.testing.assert_allclose(added, added.flat[0], atol=1e-4)
    assert abs(added.flat[0]) <= 10


def test_probability_is_that_of_each_change() -> None:
    x = image(1)
    for config in (replace(OFF, brightness=10.0, probability=0.4), replace(OFF, rotate=5.0, probability=0.4)):
        augmenter = Augmenter(config, APEX)
        share = np.mean([not np.array_equal(augmenter(x, seed), x) for seed in range(1000)])
        assert abs(share - 0.4) < 5 * np.sqrt(0.4 * 0.6 / 1000)


def warp_of(config: AugmentConfig, seed: int, chosen: Representation = APEX, size: int = 40) -> np.ndarray:
    """The matrix (3, 3) that the warp of these settings draws."""
    augmenter = Augmenter(config, chosen)
    (step,) = augmenter.compose.transforms  # type: ignore[union-attr]
    assert isinstance(step, AffineWarp)
    step.py_random.seed(seed)
    return np.vstack([step.get_params_dependent_on_data({"shape": (size, size, 1)}, {})["matrix"], [0, 0, 1]])


@pytest.mark.parametrize("seed", range(5))
def test_the_warp_is_the_one_that_scipy_makes_of_its_matrix(seed: int) -> None:
    matrix = warp_of(replace(OFF, shift=0.1, rotate=20.0, scale=0.2), seed)
    x = image(3, 40)
    ours = AffineWarp(shift=0, scale=0, rotate=0, p=1).apply(x.transpose(1, 2, 0).copy(), matrix[:2]).transpose(2, 0, 1)
    back = np.linalg.inv(matrix)[::-1][[1, 2]][:, [1, 0, 2]]  # scipy maps output (y, x) to input (y, x)
    for one, other in zip(ours, x, strict=True):
        expected = ndimage.affine_transform(other, back[:, :2], back[:, 2], order=1, mode="nearest")
        inside = (slice(8, -8), slice(8, -8))
        # OpenCV rounds places to 1/32 pixel
        assert np.abs(one - expected)[inside].max() < np.abs(np.diff(other)).max() / 16
        assert one.min() >= other.min() - 1e-3
        assert one.max() <= other.max() + 1e-3


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_warp_keeps_within_its_limits(seed: int) -> None:
    matrix = warp_of(replace(OFF, shift=0.1, rotate=20.0, scale=0.2), seed)
    scale = np.sqrt(np.linalg.det(matrix[:2, :2]))
    assert 0.8 <= scale <= 1.2
    assert abs(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))) <= 20
    centre = np.array([19.5, 19.5, 1])
    assert (np.abs((matrix @ centre - centre)[:2]) <= 4).all()


def test_shifts_are_uniform_and_not_rounded_to_pixels() -> None:
    shifts = np.array([warp_of(replace(OFF, shift=0.05), seed, FLOW, 28)[:2, 2] for seed in range(800)]) / 28
    assert abs(shifts.mean()) < 0.005
    assert shifts.std() == pytest.approx(0.05 / np.sqrt(3), rel=0.05)
    assert len(np.unique(shifts)) > 1500


def test_every_channel_is_moved_alike() -> None:
    x = np.repeat(image(1), 3, axis=0)
    changed = Augmenter(replace(FULL, brightness=0.0, probability=1.0), APEX)(x, 11)
    assert not np.array_equal(changed, x)
    np.testing.assert_array_equal(changed[0], changed[1])
    np.testing.assert_array_equal(changed[0], changed[2])


def test_enlarging_is_the_middle_of_a_larger_frame() -> None:
    """As of frames of 240 cropped to 224: resized first, then the middle cut out, by OpenCV."""
    x = ndimage.gaussian_filter(texture(224).astype(np.float32), 2)
    larger = cv2.resize(x, (240, 240), interpolation=cv2.INTER_LINEAR)[8:232, 8:232]
    found = Augmenter(replace(OFF, enlarge=240 / 224), APEX)(x[None], 0)[0]
    # the two scale about points that differ by the fraction of a pixel, and both interpolate
    assert np.abs(found - larger).mean() < 0.05 * np.abs(found - x).mean()
    crops = [Augmenter(replace(OFF, enlarge=240 / 224, shift=8 / 224), APEX)(x[None], seed) for seed in range(20)]
    assert len({crop.tobytes() for crop in crops}) == 20
