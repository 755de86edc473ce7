"""Read video files with PyAV: every frame that is there, upright, at the time that the file gives it.

Contract: only files of `CONTAINERS` are opened, so that a file which names other files or addresses (playlists) is
refused; the size of frames is compared with `MER_LIMIT_IMAGE_PIXELS` before one is decoded. Frame counts, durations and
rates of headers are declarations only: nothing relies on them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.logging
import numpy as np
from av.stream import Disposition
from av.video.frame import VideoFrame as Decoded
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from mer.inputs.frames.open_image import PIXELS
from mer.utils.limits import limit, require_within
from mer.video.reading.frame_source import FrameSource, VideoError, VideoFrame

#: Names of FFmpeg's readers of containers that hold their own frames.
CONTAINERS = (
    "mov,matroska,webm,avi,asf,gif,mpeg,mpegts,mpegvideo,flv,ogg,ivf,h264,hevc,m4v,mjpeg,obu,dv,nut,apng,webp_pipe,mxf"
)
OPTIONS = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
#: Frames a second of a file that has neither time stamps nor a rate.
USUAL_RATE = 25.0
#: Ratio of the sides of a pixel, or its inverse, from which frames are stretched, and up to which it is believed. Below
#: (plain television: 1.09) it distorts a face less than people differ, and places stay those of the stored frame.
STRETCHED, WIDEST = 1.15, 3.0
#: Share of the declared duration that may be missing at the end before a note says that the file was cut.
MISSING = 0.1


@dataclass
class VideoFile(FrameSource):
    """A video file; `fixed_rate` replaces its time stamps."""

    path: Path = Path()
    fixed_rate: float | None = None
    duration: float = 0.0

    @classmethod
    def open(cls, path: Path, rate: float | None = None) -> VideoFile:
        """Return a file whose header says that it holds pictures of a size that may be decoded.

        Raises:
            VideoError: it is missing, empty, no video, or has no pictures.
            LimitError: its frames are larger than the limit.
        """
        with _opened(path) as container:
            stream = _pictures(container, path)
            require_within(*PIXELS, stream.width * stream.height, f"{path}: pixels of a frame")
            found = rate or float(stream.average_rate or stream.guessed_rate or 0)
            duration = (container.duration or 0) / av.time_base
            return cls(str(path), max(0, stream.frames), found, path=path, fixed_rate=rate, duration=duration)

    def __iter__(self) -> Iterator[VideoFrame]:
        self.notes.clear()
        count, last, made = 0, 0.0, 0
        first: float | None = None
        step = 1 / (self.fixed_rate or self.rate or USUAL_RATE)
        with _opened(self.path) as container:
            for stamp, pixels in self._decoded(container):
                first = stamp if first is None else first
                if self.fixed_rate is not None:
                    time = count * step
                else:
                    time = math.nan if stamp is None or first is None else stamp - first
                    if not count:
                        time = 0.0
                    elif not time > last:  # missing, or not after the frame before
                        time, made = last + step, made + 1
                last = time
                yield VideoFrame(count, time, pixels)
                count += 1
        if not count:
            raise VideoError(f"{self.path}: no frame can be read; it may be damaged. Copy it again from the original")
        if made:
            self.notes.append(f"{made} of {count} time stamps are missing or do not rise: times follow the rate there")
        if self.frames and self.frames != count:
            self.notes.append(f"{self.frames} frames are declared, {count} are there")
        elif not self.duration and self._breaks_off():
            self.notes.append("breaks off: its end is missing")
        elif self.fixed_rate is None and (first or 0.0) + last + step < (1 - MISSING) * self.duration:
            self.notes.append(f"ends after {last + step:.2f} s of the {self.duration:.2f} s that it declares")

    def _breaks_off(self) -> bool:
        """Return whether FFmpeg's reader complains of an end in the middle; it does so only in its log.

        Nothing is decoded: decoders' threads must not write into a log that is listened to.
        """
        level = av.logging.get_level()
        av.logging.set_level(av.logging.ERROR)
        try:
            with av.logging.Capture() as told, _opened(self.path) as container, suppress(av.FFmpegError):
                for _ in container.demux(video=0):
                    pass
        finally:
            av.logging.set_level(level)
        return any("prematurely" in text for _, _, text in told)

    def _decoded(self, container: av.container.InputContainer) -> Iterator[tuple[float | None, np.ndarray]]:
        """Decode to the first error that ends a file; what is damaged on the way is left out and noted."""
        stream = _pictures(container, self.path)
        stream.thread_type = "SLICE"  # damaged HEVC makes threads by frames wait for each other for ever
        stream.codec_context.options = {"max_pixels": str(limit(*PIXELS))}  # sizes may change after the header
        converter = VideoReformatter()  # one for all frames: setting one up takes as long as a conversion
        damaged = 0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                self.notes.append(f"cannot be read to its end ({error.strerror})")
                break
            if packet is None:
                break
            try:
                frames = packet.decode()
            except av.FFmpegError:
                damaged += 1
                continue
            for one in frames:
                if isinstance(one, Decoded):
                    yield one.time, _shown(one, stream.sample_aspect_ratio, converter)
        if damaged:
            self.notes.append(f"{damaged} packets are damaged and were left out")


def _opened(path: Path) -> av.container.InputContainer:
    """Open a container; raise a VideoError if it is none, an OSError if the file may not be read."""
    if not path.exists():
        raise VideoError(f"{path}: there is no such file")
    if not path.is_file() or not path.stat().st_size:
        raise VideoError(f"{path}: expected a video, got {'an empty file' if path.is_file() else 'no file'}")
    with path.open("rb"):
        pass
    try:
        # the prefix keeps FFmpeg from reading a name such as "a:b.mp4" as an address
        # `options` would go to streams too, and PyAV 15 to 17.0 crashes where streams appear later (MPEG)
        return av.open(f"file:{path}", container_options=OPTIONS)
    except (av.FFmpegError, ValueError) as error:
        raise VideoError(
            f"{path}: expected a video (mp4, mov, mkv, webm, avi, wmv, gif ...), got a file of another kind, or one "
            "whose index was cut off with its end"
        ) from error


def _pictures(container: av.container.InputContainer, path: Path) -> VideoStream:
    """Return the first stream of moving pictures; the cover of a piece of music is none."""
    streams = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
    if not streams:
        raise VideoError(f"{path}: has no moving pictures, only sound, text or a cover")
    if streams[0].codec_context is None:
        raise VideoError(f"{path}: its pictures are coded in a way that is not known; convert it to H.264 (mp4)")
    return streams[0]


def _shown(decoded: Decoded, aspect: Fraction | None, converter: VideoReformatter) -> np.ndarray:
    """Return pixels (H, W, 3) uint8, red first, as a player shows them: square, and turned by the display matrix.

    Args:
        decoded: the frame.
        aspect: width of a pixel divided by its height.
        converter: of all frames.
    """
    ratio = float(aspect or 1)
    stretched = STRETCHED <= max(ratio, 1 / ratio) <= WIDEST
    width = round(decoded.width * ratio) if stretched else decoded.width
    pixels = converter.reformat(decoded, width=width, format="rgb24").to_ndarray()
    turns = round(decoded.rotation / 90) % 4  # anticlockwise, as numpy turns
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels
