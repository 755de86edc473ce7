"""Magnification against closed forms: gratings that sway, filters' responses, and what must not change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mer.config import InputConfig
from mer.inputs.flow.magnification import config_errors, ideal, iir, level_gains, magnify_motion
from mer.inputs.input_arrays import compute_inputs
from tests.inputs.conftest import save, table_of, texture

IDEAL = InputConfig(magnify=5.0, magnify_band=[0.04, 0.06], magnify_filter="ideal", magnify_wavelength=2.0)
WAVELENGTH, SWAY, PERIOD = 12.0, 0.2, 20


def swaying(frames: int = 40, *, period: float = PERIOD) -> np.ndarray:
    """Vertical stripes of 12 pixels that sway by 0.2 pixels."""
    moved = SWAY * np.sin(2 * np.pi * np.arange(frames) / period)
    x = np.arange(128)[None, None]
    return np.broadcast_to(128 + 60 * np.sin(2 * np.pi * (x - moved[:, None, None]) / WAVELENGTH), (frames, 128, 128))


def sway_of(frames: np.ndarray) -> np.ndarray:
    """Shift of the stripes in each frame, pixels: the phase of their wavelength over four periods in the middle."""
    x = np.arange(36, 84)
    wave = (frames[:, 64, 36:84] * np.exp(-2j * np.pi * x / WAVELENGTH)).mean(axis=1)
    phase = -np.angle(wave / (-0.5j * 60))
    return phase * WAVELENGTH / (2 * np.pi)


def test_the_measure_of_the_sway_is_right() -> None:
    expected = SWAY * np.sin(2 * np.pi * np.arange(40) / PERIOD)
    np.testing.assert_allclose(sway_of(swaying()), expected, atol=1e-6)


def test_a_sway_in_the_band_becomes_as_much_larger_as_asked() -> None:
    # a wave sin(k (x - d)) = cos(kd) sin(kx) - sin(kd) cos(kx), whose second part alone sways at this frequency
    k = 2 * np.pi / WAVELENGTH
    expected = np.arctan(6 * np.tan(k * SWAY * np.sin(2 * np.pi * np.arange(40) / PERIOD))) / k
    found = sway_of(magnify_motion(swaying(), IDEAL))
    assert np.abs(found).max() == pytest.approx(np.abs(expected).max(), rel=0.06)
    np.testing.assert_allclose(found, expected, atol=0.08)


@pytest.mark.parametrize("period", [5.0, 40.0])
def test_a_sway_out_of_the_band_stays(period: float) -> None:
    frames = swaying(period=period)
    np.testing.assert_allclose(sway_of(magnify_motion(frames, IDEAL)), sway_of(frames), atol=0.01)


def test_fine_stripes_are_magnified_less_than_coarse_ones() -> None:
    gains = level_gains(6, 10.0, 16.0)
    assert gains == sorted(gains)
    assert gains[0] < 2
    assert gains[-1] == 10
    for k, gain in enumerate(gains):  # the bound of Wu et al.: (1 + gain) * motion <= wavelength / 8
        assert (1 + gain) * 16 / (8 * 11) <= max(3 * 2.0**k / 8, 16 / (8 * 11)) + 1e-9


@pytest.mark.parametrize("frequency", [0.02, 0.1, 0.3])
def test_the_recursive_filter_halves_the_power_at_its_ends(frequency: float) -> None:
    time = np.arange(4000)
    wave = np.sin(2 * np.pi * frequency * time)
    low_pass = iir(wave[:, None], 0.0, frequency)[2000:, 0] + wave[0]
    assert low_pass.std() == pytest.approx(wave[2000:].std() / np.sqrt(2), rel=0.01)


def test_the_recursive_filter_without_limits_is_the_change_since_onset() -> None:
    values = np.random.default_rng(0).random((9, 4))
    np.testing.assert_allclose(iir(values, 0.0, 0.5), values - values[0], atol=1e-6)


def test_the_ideal_filter_keeps_its_band_and_nothing_else() -> None:
    time = np.arange(60)
    inside, outside = np.sin(2 * np.pi * time * 3 / 60), np.cos(2 * np.pi * time * 9 / 60)
    np.testing.assert_allclose(ideal(4 + inside + outside, 2 / 60, 5 / 60), inside, atol=1e-6)


@pytest.mark.parametrize("pyramid", ["laplacian", "gaussian"])
@pytest.mark.parametrize("kind", ["iir", "ideal"])
def test_what_does_not_change_stays_and_values_stay_levels(pyramid: str, kind: str) -> None:
    config = InputConfig(magnify=50.0, magnify_filter=kind, magnify_pyramid=pyramid)
    still = np.repeat(texture(40)[None], 6, axis=0)
    np.testing.assert_allclose(magnify_motion(still, config), still, atol=0.01)
    noise = np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3)).astype(np.uint8)
    loud = magnify_motion(noise, config)
    assert loud.shape == noise.shape
    assert np.isfinite(loud).all()
    assert loud.min() >= 0
    assert loud.max() <= 255


def test_light_that_pulses_is_magnified_by_the_gaussian_pyramid() -> None:
    pulse = np.sin(2 * np.pi * np.arange(40) / PERIOD)
    frames = 120 + np.broadcast_to(pulse[:, None, None], (40, 32, 32))
    found = magnify_motion(frames, replace(IDEAL, magnify_pyramid="gaussian"))
    np.testing.assert_allclose(found[:, 16, 16] - 120, 6 * pulse, atol=0.01)


def test_onset_to_apex_is_magnified_on_the_way_to_the_input(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"img{t}.png", texture(64, shift=(0.05 * t, 0))) for t in range(5)]
    table = table_of([paths[-1]] * 2, [paths[0]] * 2)
    table = replace(table, frame=table.frame.assign(folder=str(tmp_path)))
    off = InputConfig(representation="difference", size=64)
    on = replace(off, magnify=4.0, magnify_band=[0.0, 0.5], magnify_wavelength=2.0)
    before, after = (compute_inputs(table, config, tmp_path / "cache")[0].astype(float) for config in (off, on))
    slope = (before * after).sum() / (before**2).sum()
    assert 3.5 < slope <= 5.05  # all but what the coarsest level holds


@pytest.mark.parametrize("band", [[0.2, 0.1], [0.1], [0.0, 10.0], [float("nan"), 0.5]])
def test_every_wrong_band_is_named(band: list[float]) -> None:
    assert config_errors(InputConfig()) == []
    (line,) = config_errors(InputConfig(magnify_band=band))
    assert line.startswith("input.magnify_band:")
