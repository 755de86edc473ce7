"""Representations against known motion, analytic strain, block means and mirrors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mer.config import AugmentConfig, InputConfig
from mer.errors import SampleError
from mer.inputs.frames.image_files import resize
from mer.inputs.representations.registry import REPRESENTATIONS, config_errors, standardise_channels
from tests.inputs.conftest import texture

PLAIN = AugmentConfig(mirror=0.0, shift=0.0, rotate=0.0, scale=0.0, brightness=0.0)


def frames_of(name: str, *, size: int = 160, seed: int = 0) -> dict[str, np.ndarray]:
    """Frames for any representation: a texture that moves; colour where a motion map is asked for."""
    onset, apex = texture(size, seed=seed), texture(size, shift=(1.2, -0.6), seed=seed)
    if name == "motion_map":
        apex = np.stack([texture(size, seed=seed + k) for k in range(3)], axis=-1)
    span = np.stack([texture(size, shift=(0.3 * t, -0.15 * t), seed=seed) for t in range(5)])
    return {key: {"onset": onset, "apex": apex, "span": span}[key] for key in REPRESENTATIONS[name].frames}


@pytest.mark.parametrize("name", REPRESENTATIONS)
@pytest.mark.parametrize("size", [28, 160, 200])
def test_every_representation_has_the_shape_and_signs_it_declares(name: str, size: int) -> None:
    chosen = REPRESENTATIONS[name]
    pixels = chosen.compute(frames_of(name), InputConfig(size=size))
    assert pixels.shape[1:] == (size, size)
    assert pixels.dtype in (np.uint8, np.float32)
    assert np.isfinite(pixels).all()
    assert set(chosen.frames) <= {"onset", "apex", "span"}
    if chosen.flip_signs is not None:
        assert len(chosen.flip_signs) == len(pixels)


@pytest.mark.parametrize("name", [name for name in REPRESENTATIONS if "flow" not in name])
def test_mirroring_the_frames_mirrors_the_input(name: str) -> None:
    chosen, frames = REPRESENTATIONS[name], frames_of(name)
    mirrored = {key: (frame[:, :, ::-1] if key == "span" else frame[:, ::-1]).copy() for key, frame in frames.items()}
    if name == "motion_map":  # a mirrored u, stretched to 0..255 again
        mirrored["apex"][..., 0] = 255 - mirrored["apex"][..., 0]
    signs = np.array(chosen.flip_signs or (1,), dtype=np.float32)[:, None, None]
    expected = chosen.compute(frames, InputConfig(size=80))[..., ::-1] * signs
    np.testing.assert_allclose(chosen.compute(mirrored, InputConfig(size=80)), expected, atol=1e-3)


def test_mirroring_the_frames_mirrors_flow_and_turns_the_sign_of_u() -> None:
    onset = texture(160, seed=3)
    apex = onset.copy()
    apex[60:110, 20:90] = texture(160, shift=(1.5, 0.8), seed=3)[60:110, 20:90]
    frames = {"onset": onset, "apex": apex}
    mirrored = {key: frame[:, ::-1].copy() for key, frame in frames.items()}
    signs = np.array(REPRESENTATIONS["flow"].flip_signs)[:, None, None]
    ours = REPRESENTATIONS["flow"].compute(frames, InputConfig(size=56))[..., ::-1] * signs
    theirs = REPRESENTATIONS["flow"].compute(mirrored, InputConfig(size=56))
    for one, other in zip(ours, theirs, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.97
    assert np.corrcoef(-ours[0].ravel(), theirs[0].ravel())[0, 1] < -0.97


@pytest.mark.parametrize("name", ["difference", "flow"])
@pytest.mark.parametrize("shape", [(40, 41), (1, 40), (40, 1)])  # the last two would broadcast
def test_frames_of_two_sizes_are_refused(name: str, shape: tuple[int, int]) -> None:
    frames = {"onset": np.zeros((40, 40), np.uint8), "apex": np.zeros(shape, np.uint8)}
    with pytest.raises(SampleError, match=rf"onset 40x40 and apex {shape[1]}x{shape[0]} pixels"):
        REPRESENTATIONS[name].compute(frames, InputConfig(size=28))


def test_a_face_that_does_not_move_gives_zeros() -> None:
    picture = texture(128)
    assert not REPRESENTATIONS["flow"].compute({"onset": picture, "apex": picture}, InputConfig(size=28)).any()


maps = hnp.arrays(np.float64, (3, 6, 7), elements=st.integers(-40, 40).map(float))


@settings(deadline=None)
@given(channels=maps, gain=st.sampled_from([0.25, 1.0, 8.0]), offset=st.integers(-100, 100))
def test_normalising_forgets_gain_and_zero_and_keeps_the_sign(channels: np.ndarray, gain: float, offset: int) -> None:
    once = standardise_channels(channels)
    np.testing.assert_allclose(standardise_channels(channels * gain + offset), once, atol=1e-5)
    np.testing.assert_allclose(standardise_channels(-channels), -once, atol=1e-5)


@settings(deadline=None)
@given(channels=maps)
def test_normalised_maps_have_median_0_and_deviation_1_or_are_0(channels: np.ndarray) -> None:
    for before, after in zip(channels, standardise_channels(channels), strict=True):
        if np.ptp(before) == 0:
            assert not after.any()
        else:
            assert abs(np.median(after)) < 1e-5
            assert after.std() == pytest.approx(1, abs=1e-4)


def test_difference_is_signed_and_keeps_its_values_at_the_same_size() -> None:
    onset, apex = texture(56, seed=1), texture(56, seed=2)
    expected = apex.astype(int) - onset.astype(int)
    assert expected.min() < 0 < expected.max()
    pixels = REPRESENTATIONS["difference"].compute({"onset": onset, "apex": apex}, InputConfig(size=56))
    np.testing.assert_array_equal(pixels[0], expected)


def test_apex_is_grey_and_raw() -> None:
    picture = texture(56)
    np.testing.assert_array_equal(
        REPRESENTATIONS["apex"].compute({"apex": picture}, InputConfig(size=56)), picture[None]
    )
    colour = np.repeat(picture[..., None], 3, axis=-1)
    np.testing.assert_allclose(
        REPRESENTATIONS["apex"].compute({"apex": colour}, InputConfig(size=56))[0], picture, atol=1e-3
    )


@pytest.mark.parametrize("pixels", [texture(28), np.stack([texture(28, seed=k) for k in range(3)], axis=-1)])
def test_an_image_of_the_right_size_is_not_touched(pixels: np.ndarray) -> None:
    read = REPRESENTATIONS["image"].compute({"apex": pixels}, InputConfig(size=28))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0))


def test_a_motion_map_of_one_channel_is_refused_with_a_remedy() -> None:
    with pytest.raises(SampleError, match=r"three channels.*input=image"):
        REPRESENTATIONS["motion_map"].compute({"apex": texture(28)}, InputConfig(size=28))


def test_shrinking_averages_over_blocks() -> None:
    pixels = texture(56).astype(np.float32)
    expected = pixels.reshape(28, 2, 28, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(pixels, 28), expected, atol=1e-3)


def test_every_problem_is_named_at_once_with_its_key() -> None:
    assert config_errors(InputConfig(), AugmentConfig()) == []
    broken = AugmentConfig(mirror=2, shift=-1, scale=0.9, rotate=5, brightness=3, probability=-0.1)
    found = config_errors(InputConfig(representation="flow", size=27), broken)
    for key in (
        "input.size",
        *(f"augment.{k}" for k in ("mirror", "shift", "scale", "rotate", "brightness", "probability")),
    ):
        assert sum(line.startswith(f"{key}:") for line in found) == 1, key
    (unknown,) = config_errors(InputConfig(representation="optical"), PLAIN)
    assert "optical" in unknown
    assert all(name in unknown for name in REPRESENTATIONS)


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_what_a_representation_cannot_bear_is_a_problem(name: str) -> None:
    chosen, config = REPRESENTATIONS[name], InputConfig(representation=name)
    assert config_errors(config, PLAIN) == []
    assert bool(config_errors(config, replace(PLAIN, rotate=5.0))) is chosen.motion
    assert bool(config_errors(config, replace(PLAIN, brightness=5.0))) is (not chosen.is_intensity)
