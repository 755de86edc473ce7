"""Find the videos that a user names: files, folders, patterns; call `find_videos`.

Contract: looks at names only. A folder of images is one video where its frame rate is given.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

from mer.errors import MerError
from mer.protocols.fold import natural_key
from mer.video.reading.frame_source import VideoError
from mer.video.reading.image_frames import images_in

#: Endings of videos that are looked for in folders; a file that is named itself may have any.
VIDEOS = (
    *(".3gp", ".asf", ".avi", ".flv", ".gif", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv"),
)


def find_videos(given: Sequence[str | Path], rate: float | None = None) -> list[Path]:
    """Return video files and folders of images, each once, in the order given; those of a folder by the numbers in
    their names.

    Args:
        given: files, folders, and patterns such as `clips/*.mp4` that the shell left as they are.
        rate: frames a second of images; None where it is not known, so that folders of images only count where a folder
            holds nothing else.

    Raises:
        VideoError: there is no such file, or a folder holds neither videos nor images.
    """
    found: dict[Path, Path] = {}
    for one in given:
        for path in _matching(str(one)):
            for video in _inside(path, rate) if path.is_dir() else [path]:
                found.setdefault(video.resolve(), video)
    return list(found.values())


def _matching(name: str) -> list[Path]:
    """Return the path of this name, else what the pattern matches."""
    path = Path(name).expanduser()
    if path.exists():
        return [path]
    matches = sorted(glob.glob(str(path), recursive=True), key=natural_key)  # noqa: PTH207, a pattern may be absolute
    if not matches:
        what = "nothing matches this pattern" if glob.has_magic(name) else "there is no such file or folder"
        raise VideoError(f"{name}: {what}; give videos, folders of videos, or folders of images with --rate")
    return [Path(one) for one in matches]


def _inside(folder: Path, rate: float | None) -> list[Path]:
    found = list(_walk(folder))
    videos = [path for path in found if path.is_file()]
    chosen = found if rate is not None or not videos else videos
    if not chosen:
        raise VideoError(f"{folder}: expected videos ({', '.join(VIDEOS)}) or images in this folder, found none")
    return chosen


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the videos of a folder, or itself where it holds images and no videos; then those of the folders in it."""
    inside = sorted((one for one in folder.iterdir() if one.name[0] != "."), key=lambda one: natural_key(one.name))
    videos = [path for path in inside if path.is_file() and path.suffix.lower() in VIDEOS]
    yield from videos
    if not videos and images_in(folder):
        yield folder
    for path in inside:
        if path.is_dir() and not path.is_symlink():  # a link may lead round in a circle
            yield from _walk(path)


def require_outside(out: Path, given: Sequence[str | Path]) -> None:
    """Raise a MerError if results would be written into a folder of videos that was given."""
    whole = out.expanduser().resolve()
    for one in (path for name in given for path in _matching(str(name))):
        folder = one.resolve()
        if folder.is_dir() and (whole == folder or folder in whole.parents):
            raise MerError(
                f"--out {out}: lies in the folder {one}, which holds your videos; nothing is written there, give a "
                "folder elsewhere"
            )
