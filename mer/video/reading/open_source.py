"""Open what frames are read from with `open_source`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mer.video.reading.camera import Camera
from mer.video.reading.frame_source import FrameSource, VideoError
from mer.video.reading.image_frames import IMAGES, ImageFiles, images_in
from mer.video.reading.video_file import VideoFile

#: Greatest number of frames a second that is believed.
MOST = 100_000


def open_source(source: str | Path | int | Sequence[str | Path], rate: float | None = None) -> FrameSource:
    """Return the frames of a video file, a folder of images, a list of images, or a camera.

    Args:
        source: a file, a folder (its images in the order of the numbers in their names), image files in order, or the
            number of a camera, 0 for the first, also as text where there is no such file.
        rate: frames a second; images need it, and it replaces the time stamps of a video file.

    Raises:
        VideoError: there is no such file, or nothing in it is a frame.
    """
    if rate is not None and not 0 < rate <= MOST:
        raise VideoError(f"frames a second: expected a number above 0, at most {MOST:,}, got {rate:g}")
    if isinstance(source, int) or (isinstance(source, str) and source.isdecimal() and not Path(source).exists()):
        return Camera(f"camera {source}", number=int(source))
    if isinstance(source, (str, Path)):
        path = Path(source).expanduser()
        if not path.is_dir():
            return VideoFile.open(path, rate)
        paths, name = images_in(path), str(path)
    else:
        paths, name = [Path(one).expanduser() for one in source], f"{len(source)} images"
    if not paths:
        raise VideoError(f"{name}: expected images ({', '.join(IMAGES)}), found none")
    if rate is None:
        raise VideoError(f"{name}: images do not say how many of them make a second; add --rate, e.g. --rate 200")
    return ImageFiles(name, len(paths), rate, paths=paths)
