"""Small videos written by PyAV, and their bytes changed by hand where no writer makes such a file."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

#: Time base of written videos: milliseconds, which every container keeps exactly or nearly.
MILLISECOND = Fraction(1, 1000)


def can_encode(codec: str) -> bool:
    """Return whether PyAV's FFmpeg has this encoder."""
    try:
        av.Codec(codec, "w")
    except (av.FFmpegError, ValueError):
        return False
    return True


def pictures(count: int, width: int = 64, height: int = 48, *, seed: int = 0) -> np.ndarray:
    """Return smooth colour pictures (count, H, W, 3) uint8 that move to the right by 2 pixels a frame.

    Left is dark, right is bright, and the upper left corner red, so that a turned or mirrored picture is told apart.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 200, (max(2, height // 16), max(2, (width + 2 * count) // 16), 3)).astype(np.float32)
    wide = cv2.resize(coarse, (width + 2 * count, height), interpolation=cv2.INTER_CUBIC)
    ramp = np.linspace(-50, 50, width)[None, :, None]
    frames = [wide[:, 2 * (count - k) : 2 * (count - k) + width] + ramp for k in range(count)]
    frames = np.clip(np.stack(frames), 0, 255).astype(np.uint8)
    frames[:, : height // 4, : width // 4] = (220, 20, 20)
    return frames


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rate: int = 25,
    times: Sequence[int] | None = None,
    aspect: Fraction | None = None,
    container: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write frames (H, W[, 3]) uint8 and return the path.

    Args:
        path: file; its ending names the container.
        frames: all of one size.
        codec: FFmpeg's name of the encoder.
        pixels: FFmpeg's name of the stored pixel format.
        rate: frames a second, also what the header declares.
        times: of the frames in milliseconds; None for even steps.
        aspect: width of a pixel divided by its height.
        container: FFmpeg's name of the container where the ending does not tell it.
        options: of the encoder.
    """
    with av.open(str(path), "w", format=container) as file:
        stream = None
        for index, frame in enumerate(frames):
            if stream is None:
                stream = file.add_stream(codec, rate=rate, options=options or {})
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = pixels
                if times is not None:
                    stream.codec_context.time_base = MILLISECOND
                if aspect is not None:
                    stream.codec_context.sample_aspect_ratio = aspect
            grey = frame.ndim == 2
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="gray" if grey else "rgb24")
            if times is not None:
                picture.pts, picture.time_base = times[index], MILLISECOND
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return path


def write_sound(path: Path, *, cover: np.ndarray | None = None) -> Path:
    """Write half a second of sound without pictures, or with a cover picture as a piece of music has."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=16000, layout="mono")
        if cover is not None:
            extra = file.add_stream("mjpeg", rate=1)
            extra.height, extra.width = cover.shape[:2]
            extra.pix_fmt = "yuvj420p"
            extra.disposition = av.stream.Disposition.attached_pic.value
        for start in range(0, 8000, 1000):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 16000, start
            file.mux(stream.encode(sound))
        file.mux(stream.encode())
        if cover is not None:
            file.mux(extra.encode(av.VideoFrame.from_ndarray(cover, format="rgb24")))
            file.mux(extra.encode())
    return path


def turn_flag(path: Path, quarters: int) -> Path:
    """Set the display matrix of an MP4 file: players turn its pictures clockwise by this number of quarters."""
    data = bytearray(path.read_bytes())
    cos, sin = {0: (1, 0), 1: (0, 1), 2: (-1, 0), 3: (0, -1)}[quarters]
    # ISO/IEC 14496-12, 8.3.2: x' = a x + c y, y' = b x + d y, as 16.16 numbers a b u c d v
    start = data.index(b"tkhd") + 4 + 40
    data[start : start + 24] = struct.pack(">6i", *(part << 16 for part in (cos, sin, 0, -sin, cos, 0)))
    path.write_bytes(data)
    return path


def declare_frames(path: Path, count: int) -> Path:
    """Set the number of frames that the header of an AVI file declares."""
    data = bytearray(path.read_bytes())
    start = data.index(b"strh") + 8 + 32  # the field dwLength of the structure AVISTREAMHEADER
    data[start : start + 4] = struct.pack("<I", count)
    path.write_bytes(data)
    return path
