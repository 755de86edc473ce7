"""Which videos a user means: files, folders, patterns, folders of images; and where results may go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mer.errors import MerError
from mer.inputs.frames.image_files import write_image
from mer.video.reading.find_videos import find_videos, require_outside
from mer.video.reading.frame_source import VideoError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Videos, a folder of frames, a thumbnail beside videos, hidden files, and a text."""
    for name in ("b/clip10.mp4", "b/clip2.MP4", "a.mov", ".hidden.mp4", "notes.txt", "b/.c/old.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for name in ("frames/1.png", "frames/2.png", "b/thumbnail.png"):
        write_image(tmp_path / name, np.zeros((4, 4), np.uint8))
    return tmp_path


def names(found: list[Path], tree: Path) -> list[str]:
    return [path.relative_to(tree).as_posix() for path in found]


def test_a_folder_gives_its_videos_in_the_order_of_their_numbers(tree: Path) -> None:
    assert names(find_videos([tree]), tree) == ["a.mov", "b/clip2.MP4", "b/clip10.mp4"]


def test_a_folder_of_images_is_a_video_where_the_rate_is_known(tree: Path) -> None:
    assert "frames" in names(find_videos([tree], rate=50), tree)
    assert "b" not in names(find_videos([tree], rate=50), tree), "a thumbnail beside videos is no video"
    assert names(find_videos([tree / "frames"]), tree) == ["frames"], "the error about --rate names it"


def test_each_video_counts_once_and_the_order_is_that_given(tree: Path) -> None:
    given = [tree / "b" / "clip10.mp4", str(tree / "b" / "*.mp4"), tree / "b"]
    assert names(find_videos(given), tree) == ["b/clip10.mp4", "b/clip2.MP4"]


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(tree: Path) -> None:
    (tree / "take[1].mp4").write_bytes(b"x")
    assert names(find_videos([tree / "take[1].mp4"]), tree) == ["take[1].mp4"]


def test_links_in_a_circle_end(tree: Path) -> None:
    (tree / "b" / "up").symlink_to(tree)
    assert len(find_videos([tree])) == 3


@pytest.mark.parametrize(
    ("name", "words"), [("none.mp4", "no such file"), ("*.avi", "nothing matches"), ("b/.c/x", "no such file")]
)
def test_what_is_not_there_is_named(tree: Path, name: str, words: str) -> None:
    with pytest.raises(VideoError, match=words) as told:
        find_videos([tree / name])
    assert name in str(told.value)


def test_an_empty_folder_is_named(tree: Path) -> None:
    (tree / "empty").mkdir()
    with pytest.raises(VideoError, match="empty: expected videos"):
        find_videos([tree / "empty"])


def test_results_never_go_into_a_folder_of_videos(tree: Path) -> None:
    for out in (tree, tree / "b" / "new", tree / "b" / ".." / "x"):
        with pytest.raises(MerError, match="holds your videos"):
            require_outside(out, [tree])
    with pytest.raises(MerError, match="holds your videos"):
        require_outside(tree / "b" / "new", [tree / "*"])
    require_outside(tree / "predictions", [tree / "a.mov", tree / "b"])
