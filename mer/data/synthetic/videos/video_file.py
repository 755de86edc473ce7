"""Write a drawn video and its truth: call `write_video`; `read_truth` reads the truth back.

Contract: frames go to the encoder one by one, so memory does not grow with the length. Both files are written whole or
not at all, and none that is there is replaced. The pixels are fixed by the specification; what the encoder makes of
them depends on its version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
import pandas as pd
from av.codec.codec import UnknownCodecError

from mer.data.synthetic.videos.video_design import KINDS, VideoSpec
from mer.data.synthetic.videos.video_rendering import VideoRenderer
from mer.errors import MerError
from mer.utils.atomic_files import write_atomically

#: Endings of the containers that can be written; AVI holds no times, so that players mix up frames coded out of order.
ENDINGS = (".mp4", ".mkv", ".mov")
#: Encoder and its options in the order of preference: the second is part of every build of the library.
ENCODERS = (("libx264", {"preset": "veryfast", "crf": "18"}), ("mpeg4", {"qscale": "3"}))
#: Columns of the truth: frames (counted from 0, both ends included), seconds, and what happens.
TRUTH_COLUMNS = (
    *("onset", "apex", "offset", "onset_seconds", "apex_seconds", "offset_seconds"),
    *("kind", "emotion", "label", "action_units"),
)

#: Takes the numbers of the frames and hands them on, showing how far the work has come.
Progress = Callable[[Iterable[int]], Iterable[int]]


def truth_path(video: str | Path) -> Path:
    """Return where the truth of a video stands: `clip.mp4` has `clip_truth.csv` beside it."""
    return Path(video).with_name(f"{Path(video).stem}_truth.csv")


def truth_table(spec: VideoSpec) -> pd.DataFrame:
    """Return one row an event, in the order of their onsets, with `TRUTH_COLUMNS`."""
    rows = []
    for event in spec.events:
        frames = (event.onset, event.apex, event.offset)
        seconds = [round(frame / spec.rate, 4) for frame in frames]
        rows.append((*frames, *seconds, event.kind, event.emotion, event.label, event.action_units))
    return pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))


def read_truth(video: str | Path) -> pd.DataFrame:
    """Return the truth of a written video, as `truth_table`.

    Raises:
        MerError: if there is none, or it is not such a table.
    """
    path = truth_path(video)
    if not path.is_file():
        raise MerError(f"{path}: no such file; expected the truth that `mer synthetic video` writes beside a video")
    table = pd.read_csv(path, dtype={"action_units": str}, keep_default_na=False)
    if tuple(table.columns) != TRUTH_COLUMNS or not set(table["kind"]) <= set(KINDS):
        raise MerError(f"{path}: expected the columns {', '.join(TRUTH_COLUMNS)} and kinds of {', '.join(KINDS)}")
    return table


def write_video(spec: VideoSpec, path: str | Path, *, progress: Progress = iter) -> Path:
    """Write a video and its truth; returns the path of the truth.

    Args:
        spec: what is drawn.
        path: new file; its ending, one of `ENDINGS`, chooses the container.
        progress: shows how far the work has come.

    Raises:
        MerError: the ending is another, or one of the files is there.
    """
    video, truth = Path(path), truth_path(path)
    if video.suffix.lower() not in ENDINGS:
        raise MerError(f"{video}: expected a name that ends in {', '.join(ENDINGS)}")
    if there := [file for file in (video, truth) if file.exists()]:
        raise MerError(f"{there[0]}: the file is there and is not replaced; give another name or remove it")
    renderer = VideoRenderer(spec)
    with write_atomically(truth) as table:
        truth_table(spec).to_csv(table, index=False)
        with write_atomically(video) as temporary:
            _encode(spec, (renderer.planes(number) for number in progress(range(spec.frames))), temporary)
    return truth


def encoder() -> tuple[str, dict[str, str]]:
    """Return the name and the options of the first encoder that this build of the library has."""
    for name, options in ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except UnknownCodecError:
            continue
        return name, options
    raise MerError(f"PyAV has no encoder of {', '.join(name for name, _ in ENCODERS)}; install another build of av")


def _encode(spec: VideoSpec, frames: Iterable[np.ndarray], path: Path) -> None:
    """Encode planes of YUV 4:2:0, (3H/2, W) uint8 each."""
    name, options = encoder()
    with av.open(str(path), "w") as container:
        stream = container.add_stream(name, rate=spec.rate, options=options)
        stream.width, stream.height = spec.size
        stream.pix_fmt = "yuv420p"
        for planes in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode())
