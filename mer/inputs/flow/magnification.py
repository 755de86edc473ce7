"""Eulerian video magnification: small motions of a clip made larger, without measuring them first.

Contract: `magnify_motion` is a function of its arguments; frames in, as many frames out. Nothing is fitted on other
clips, but the factor and the band are settings: choose them on training subjects only.
Source: Wu, Rubinstein, Shih, Guttag, Durand, Freeman, Eulerian Video Magnification for Revealing Subtle Changes in the
World, SIGGRAPH 2012: linear magnification. It magnifies noise and the motion of the head alike.
"""

from __future__ import annotations

import cv2
import numpy as np

from mer.config import InputConfig

#: Side in pixels below which no coarser level of a pyramid is made.
COARSEST = 8


def magnify_motion(span: np.ndarray, config: InputConfig) -> np.ndarray:
    """Frames (T, H, W[, 3]) float32 within 0..255 whose changes in the band are `1 + config.magnify` times as large.

    With the filter `iir` the first frame stays as it is; with `ideal` all frames move about their mean.

    Args:
        span: frames from onset to apex, uint8 or float32 levels 0..255.
        config: `magnify` and its band, filter, pyramid and wavelength.
    """
    frames: np.ndarray = span.astype(np.float32)
    if len(frames) == 1 or not config.magnify:
        return frames
    passed = ideal if config.magnify_filter == "ideal" else iir
    low, high = config.magnify_band
    if config.magnify_pyramid == "gaussian":
        # the mean over a neighbourhood of about the wavelength: for changes of light, as of blood
        steps = _depth(frames, config.magnify_wavelength / 2)
        coarse = np.stack([_down(frame, steps) for frame in frames])
        change = [_resized(one, frames.shape[1:3]) for one in passed(coarse, low, high)]
        return np.clip(frames + config.magnify * np.stack(change), 0, 255)
    total, finer = frames, frames
    gains = level_gains(_depth(frames, max(frames.shape[1:3])), config.magnify, config.magnify_wavelength)
    for k, gain in enumerate(gains):
        # levels keep the side of the frames: growing a filtered level would blur it once more
        coarser = np.stack([cv2.GaussianBlur(frame, (0, 0), 2.0**k, borderType=cv2.BORDER_REFLECT) for frame in frames])
        total = total + gain * passed(finer - coarser, low, high)
        finer = coarser
    return np.clip(total, 0, 255)


def level_gains(levels: int, factor: float, wavelength: float) -> list[float]:
    """Factor of each level of a Laplacian pyramid, the finest first.

    Level k holds wavelengths of about 2^(k+1) to 2^(k+2) pixels, in the middle 3 * 2^k. Those below `wavelength` get
    less, in proportion as in the bound of Wu et al., (1 + factor) * motion < wavelength / 8, and 0 where that is
    below 0.
    """
    motion = wavelength / (8 * (1 + factor))
    return [float(np.clip(3 * 2.0**k / (8 * motion) - 1, 0, factor)) for k in range(levels)]


def iir(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Band of (T, ...) along time: difference of two first-order low-pass filters that begin at the first frame.

    Args:
        values: over time.
        low: where the slower one falls to 1 / sqrt(2), cycles a frame; 0 = it stays at the first frame.
        high: where the faster one does; 0.5 = it follows at once.
    """
    fast, slow = values[0].astype(np.float64), values[0].astype(np.float64)
    shares = (1.0 if high >= 0.5 else _share(high), _share(low) if low > 0 else 0.0)
    band = np.empty(values.shape, dtype=np.float32)
    for time, value in enumerate(values):
        fast = fast + shares[0] * (value - fast)
        slow = slow + shares[1] * (value - slow)
        band[time] = fast - slow
    return band


def ideal(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Band of (T, ...) along time by the discrete Fourier transform: frequencies low..high, cycles a frame, kept whole.

    The transform takes the clip as one period of a periodic one. The mean is never part of the band.
    """
    frequencies = np.fft.rfftfreq(len(values))
    kept = (frequencies >= low) & (frequencies <= high) & (frequencies > 0)
    spectrum = np.fft.rfft(values, axis=0)
    spectrum[~kept] = 0
    return np.fft.irfft(spectrum, n=len(values), axis=0).astype(np.float32)


def config_errors(config: InputConfig) -> list[str]:
    """Return what is wrong with the band of the magnification."""
    if len(config.magnify_band) != 2 or not 0 <= config.magnify_band[0] < config.magnify_band[1] <= 0.5:
        return [
            "input.magnify_band: expected two frequencies in cycles a frame, 0 <= low < high <= 0.5, got "
            f"{list(config.magnify_band)}; divide hertz by the frames a second"
        ]
    return []


def _share(frequency: float) -> float:
    """Share r of y += r (x - y) whose response at this frequency (cycles a frame, below 0.5) is 1 / sqrt(2)."""
    # |r / (1 - (1 - r) e^-iw)|^2 = 1/2 is r^2 + 2 c r - 2 c = 0 with c = 1 - cos w
    c = 1 - np.cos(2 * np.pi * frequency)
    return float(-c + np.sqrt(c * c + 2 * c))


def _depth(frames: np.ndarray, side: float) -> int:
    """Halvings until a length `side` in pixels, or the frames', falls below the coarsest."""
    shorter = min(*frames.shape[1:3], side)
    return max(1, int(np.floor(np.log2(max(shorter / COARSEST, 2)))))


def _down(frame: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        frame = cv2.pyrDown(frame)
    return frame


def _resized(frame: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return cv2.resize(frame, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
