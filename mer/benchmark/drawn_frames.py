"""Draw people whose face fills half of the frame's height, in CASME II's layout of uncropped frames."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from mer.config import SyntheticData
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import ClipSpec, render_frame
from mer.data.synthetic.layouts.registry import LayoutClip, write_tree

#: Drawn clips have 51 frames in the mean, 20 to 80; so much slower they have about 60.
SLOWER = 1.2


def draw(root: Path, clips: int, frame: tuple[int, int]) -> None:
    """Write clips as uncropped frames of CASME II in the new folder `root`; processes draw side by side."""
    side = frame[1] // 2
    data = SyntheticData(name="synthetic", subjects=min(26, clips // 3), clips=clips, size=side, profile="casme2")
    specs = {spec.number: spec for spec in design_clips(data)}
    drawn: dict[int, np.ndarray] = {}

    def shown(number: int, *, spec: ClipSpec) -> np.ndarray:
        return drawn[spec.number][number - spec.onset]

    def layout_clip(spec: ClipSpec) -> LayoutClip:
        apex, offset = (spec.onset + round(SLOWER * (end - spec.onset)) for end in (spec.apex, spec.offset))
        return LayoutClip(spec.subject + 1, spec.emotion, spec.aus, spec.onset, apex, offset, partial(shown, spec=spec))

    # spawned, for a fork would copy the locks of this process's threads
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:

        def ahead(listed: Sequence[LayoutClip]) -> Iterator[LayoutClip]:
            step = 8  # clips in memory at once
            every = list(specs.values())
            starts = range(0, len(every), step)
            for start in track(starts, "drawing clips", console=Console(stderr=True), transient=True):
                some = every[start : start + step]
                found = pool.map(partial(_frames, frame=frame), some)
                drawn.update(zip([spec.number for spec in some], found, strict=True))
                yield from listed[start : start + step]
                drawn.clear()

        write_tree("casme2", [layout_clip(spec) for spec in specs.values()], root, variant="selected", progress=ahead)


def _frames(spec: ClipSpec, *, frame: tuple[int, int]) -> np.ndarray:
    """Return all frames of a slower clip, (T, H, W) uint8, with the face in the middle and a repeated border."""
    count = round(SLOWER * (spec.offset - spec.onset)) + 1
    middle = np.array([[1.0, 0.0, (frame[0] - spec.size) / 2], [0.0, 1.0, (frame[1] - spec.size) / 2]])
    return np.stack(
        [
            cv2.warpAffine(
                render_frame(spec, spec.onset + time / SLOWER),  # type: ignore[arg-type]  # any moment can be drawn
                middle,
                frame,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for time in range(count)
        ]
    )
