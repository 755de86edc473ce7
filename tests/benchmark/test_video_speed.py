"""Speed of reading and following: every part is measured, and memory does not grow with a video's length."""

from __future__ import annotations

from pathlib import Path

import pytest

from mer.benchmark.__main__ import main
from mer.benchmark.video_speed import PARTS, memory_growth, timed_parts, write_drawn
from mer.video.reading.open_source import open_source


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "drawn.mp4"
    write_drawn(path, 48, (240, 180), 100)
    return path


def test_every_part_of_every_frame_is_timed(drawn: Path) -> None:
    spent, count, wall = timed_parts(drawn, 40)
    assert (count, tuple(spent)) == (40, PARTS)
    assert all(seconds > 0 for seconds in spent.values()) and wall > 0


def test_memory_is_flat(drawn: Path) -> None:
    assert memory_growth(drawn, 40) < 240 * 180 * 3  # less than one frame
    assert len(list(open_source(drawn))) == 48


def test_the_table_names_the_video(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not main(["video", "--video", str(drawn), "--frames", "20"])
    told = capsys.readouterr().out
    assert "20" in told and all(part in told for part in (*PARTS, "together", "memory"))
