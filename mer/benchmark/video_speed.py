"""Measure speed and memory of reading a video and following the face in it: `mer benchmark video`.

Contract: the video is one drawn face that moves, so no recording is needed; `--video FILE` takes another. CPU seconds
of all threads are compared: unlike seconds of the clock they hardly change where others share the machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from mer.config import SyntheticData
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import render_frame
from mer.video.faces.face_finder import FoundFace, find_faces
from mer.video.faces.face_track import FaceTracker
from mer.video.faces.quality import measure
from mer.video.reading.frame_source import VideoFrame
from mer.video.reading.open_source import open_source

#: Parts in the order of their work in a frame; `detect` is a part of following a face, and shown apart from it.
PARTS = ("read", "grey", "track", "detect", "quality")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the length and size of the drawn video, or a video."""
    parser.add_argument("--frames", type=int, default=600, help="frames, 20 or more (default %(default)s)")
    parser.add_argument("--frame", type=int, nargs=2, default=(640, 480), help="width, height (default 640 480)")
    parser.add_argument("--rate", type=int, default=100, help="of the drawn video, a second (default %(default)s)")
    parser.add_argument("--video", type=Path, help="measure this video instead")


def run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Print CPU time of each part, frames a second, and how memory grows."""
    if given.frames < 20 or min(given.frame) < 128 or given.rate < 1:
        parser.error("expected --frames 20 or more, --frame 128 or more, --rate 1 or more")
    with tempfile.TemporaryDirectory(prefix="mer-video-") as folder:
        path = given.video
        if path is None:
            path = Path(folder) / "drawn.mp4"
            write_drawn(path, given.frames, (given.frame[0], given.frame[1]), given.rate)
        spent, count, wall = timed_parts(path, given.frames)
        growth = memory_growth(path, given.frames)
    name = str(given.video or f"drawn face (synthetic), {given.frame[0]}x{given.frame[1]}, {given.rate} a second")
    table = Table("part", "CPU ms a frame", "frames a CPU second", title=f"{name}, {count} frames")
    for part, seconds in [*spent.items(), ("together", sum(spent.values()))]:
        table.add_row(part, f"{1000 * seconds / count:.2f}", f"{count / seconds:.0f}" if seconds > 0 else "-")
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{count / wall:.0f} frames a second by the clock")
    console.print(f"most memory of the second half above the first: {growth / 1e6:+.2f} MB")


def write_drawn(path: Path, frames: int, size: tuple[int, int], rate: int) -> None:
    """Write a face that sways, half as high as the frame, before a resting background."""
    spec = design_clips(SyntheticData(name="synthetic", subjects=3, clips=6, size=size[1] // 2))[0]
    face = render_frame(spec, spec.onset)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=rate, bit_rate=4_000_000)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            phase = 2 * np.pi * number / (3 * rate)
            turn = cv2.getRotationMatrix2D((face.shape[1] / 2, face.shape[0] / 2), 5 * np.sin(phase), 1.0)
            turn[:, 2] += np.array(size) / 2 - face.shape[0] / 2 + size[1] * 0.03 * np.array([np.cos(phase), 0])
            picture = cv2.warpAffine(face, turn, size, borderMode=cv2.BORDER_REPLICATE)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="gray")))
        file.mux(stream.encode())


def timed_parts(path: Path, most: int) -> tuple[dict[str, float], int, float]:
    """Return CPU seconds by part, the number of frames, and seconds by the clock."""
    spent = dict.fromkeys(PARTS, 0.0)

    def finder(pixels: np.ndarray, *, quarters: Sequence[int] = (0,)) -> list[FoundFace]:
        start = time.process_time()
        found = find_faces(pixels, quarters=quarters)
        spent["detect"] += time.process_time() - start
        return found

    _load()
    tracker, count, began = FaceTracker(finder=finder), 0, time.perf_counter()
    last = time.process_time()

    def lap(part: str) -> None:
        nonlocal last
        now = time.process_time()
        spent[part] += now - last
        last = now

    for frame in _first(path, most):
        lap("read")
        grey = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY)
        lap("grey")
        tracks = tracker.update(frame, grey)
        lap("track")
        for track in tracks:
            measure(frame.index, frame.time, grey, track)
        lap("quality")
        count += 1
    spent["track"] -= spent["detect"]
    return spent, count, time.perf_counter() - began


def memory_growth(path: Path, most: int) -> int:
    """Return by how many bytes the peak of Python's and NumPy's memory is higher in the second half of a video."""
    _load()
    tracker, peaks, half = FaceTracker(), [], most // 2
    tracemalloc.start()
    for frame in _first(path, most):
        tracker.update(frame, cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY))
        if frame.index + 1 in (half, most):
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
    peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    return peaks[1] - peaks[0] if len(peaks) > 1 else 0


def _load() -> None:
    """Load the detector's networks, which happens once and is not measured."""
    find_faces(np.zeros((64, 64, 3), np.uint8))


def _first(path: Path, most: int) -> Iterator[VideoFrame]:
    for frame in open_source(path):
        if frame.index == most:
            break
        yield frame
