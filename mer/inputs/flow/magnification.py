"""Magnify small motions of a clip without measuring them (Eulerian video magnification).

Contract: `magnify_motion` is a pure function and returns as many frames as it gets. Nothing is fitted on other clips,
but factor and band are settings: choose them on training subjects only.
Source: Wu, Rubinstein, Shih, Guttag, Durand, Freeman, Eulerian Video Magnification for Revealing Subtle Changes in the
World, SIGGRAPH 2012: linear magnification. It magnifies noise and the motion of the head alike.
"""

from __future__ import annotations

import cv2
import numpy as np

from mer.config import InputConfig

#: Smallest side of a pyramid level, pixels.
COARSEST = 8


def magnify_motion(span: np.ndarray, config: InputConfig) -> np.ndarray:
    """Return frames (T, H, W[, 3]) float32 in 0..255 with changes in the band `1 + config.magnify` times as large.

    With the filter `iir` the first frame is unchanged; with `ideal` all frames change relative to their mean.

    Args:
        span: frames from onset to apex, uint8 or float32 levels 0..255.
        config: `magnify` and its band, filter, pyramid and wavelength are read.
    """
    frames: np.ndarray = span.astype(np.float32)
    if len(frames) == 1 or not config.magnify:
        return frames
    passed = ideal if config.magnify_filter == "ideal" else iir
    low, high = config.magnify_band
    if config.magnify_pyramid == "gaussian":
        # the mean over a neighbourhood of about the wavelength, for changes of colour such as the pulse
        steps = _depth(frames, config.magnify_wavelength / 2)
        coarse = np.stack([_down(frame, steps) for frame in frames])
        change = [_resized(one, frames.shape[1:3]) for one in passed(coarse, low, high)]
        return np.clip(frames + config.magnify * np.stack(change), 0, 255)
    total, finer = frames, frames
    gains = level_gains(_depth(frames, max(frames.shape[1:3])), config.magnify, config.magnify_wavelength)
    for k, gain in enumerate(gains):
        # levels keep the side of the frames, since enlarging a filtered level would blur it again
        coarser = np.stack([cv2.GaussianBlur(frame, (0, 0), 2.0**k, borderType=cv2.BORDER_REFLECT) for frame in frames])
        total = total + gain * passed(finer - coarser, low, high)
        finer = coarser
    return np.clip(total, 0, 255)


def level_gains(levels: int, factor: float, wavelength: float) -> list[float]:
    """Return the factor of each level of a Laplacian pyramid, the finest first.

    Level k has wavelengths of about 2^(k+1) to 2^(k+2) pixels, 3 * 2^k on average. Those below `wavelength` have a
    smaller factor, by the bound of Wu et al., (1 + factor) * motion < wavelength / 8, but at least 0.
    """
    motion = wavelength / (8 * (1 + factor))
    return [float(np.clip(3 * 2.0**k / (8 * motion) - 1, 0, factor)) for k in range(levels)]


def iir(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return a band of values (T, ...): the difference of two first-order low-pass filters that start at frame 0.

    Args:
        values: values over time.
        low: frequency in cycles per frame where the slower filter falls to 1 / sqrt(2); 0: it stays at frame 0.
        high: the same for the faster filter; 0.5: it follows at once.
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
    """Return the frequencies low..high, cycles per frame, of values (T, ...), by the discrete Fourier transform.

    The transform treats the clip as one period of a periodic signal. The mean is never in the band.
    """
    frequencies = np.fft.rfftfreq(len(values))
    kept = (frequencies >= low) & (frequencies <= high) & (frequencies > 0)
    spectrum = np.fft.rfft(values, axis=0)
    spectrum[~kept] = 0
    return np.fft.irfft(spectrum, n=len(values), axis=0).astype(np.float32)


def config_errors(config: InputConfig) -> list[str]:
    """Return the errors in the frequency band of the magnification."""
    if len(config.magnify_band) != 2 or not 0 <= config.magnify_band[0] < config.magnify_band[1] <= 0.5:
        return [
            "input.magnify_band: expected two frequencies in cycles per frame, 0 <= low < high <= 0.5, got "
            f"{list(config.magnify_band)}; divide hertz by the frames per second"
        ]
    return []


def _share(frequency: float) -> float:
    """Return r of the filter y += r (x - y) with response 1 / sqrt(2) at this frequency (cycles per frame, < 0.5)."""
    # |r / (1 - (1 - r) e^-iw)|^2 = 1/2 is r^2 + 2 c r - 2 c = 0 with c = 1 - cos w
    c = 1 - np.cos(2 * np.pi * frequency)
    return float(-c + np.sqrt(c * c + 2 * c))


def _depth(frames: np.ndarray, side: float) -> int:
    """Return how often `side` in pixels, or the side of the frames, can be halved before it is below `COARSEST`."""
    shorter = min(*frames.shape[1:3], side)
    return max(1, int(np.floor(np.log2(max(shorter / COARSEST, 2)))))


def _down(frame: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        frame = cv2.pyrDown(frame)
    return frame


def _resized(frame: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return cv2.resize(frame, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
