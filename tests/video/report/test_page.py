"""The page of a video: what it says, that it loads nothing, and how a browser shows it."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mer.video.answers.recognisers import load_prior
from mer.video.interval import Interval
from mer.video.report.page import MOST, write_video_page
from mer.video.report.time_course_figure import STEPS, time_course_figure
from mer.video.results import NO_FACE, NOTHING, FoundInterval, Pictures, VideoResult
from tests.helpers.browser import CHROMIUM, layout, screenshot
from tests.video.predicted import frame_table, interval, made_result, nothing

browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, e.g. Debian's package chromium")


def page(tmp_path: Path, result: VideoResult) -> Path:
    return write_video_page(tmp_path / "report.html", result, load_prior(), {"code": "c" * 40, "video": "/a/" * 60})


def test_the_page_says_what_moved_and_what_it_is_not(tmp_path: Path) -> None:
    text = page(tmp_path, made_result(several=True)).read_text(encoding="utf-8")
    assert "not a lie detector" in text and "nobody should be judged by it" in text
    assert "3 intervals, 2 of them as short as a micro-expression" in text
    assert text.count("data:image/jpeg") == 11  # five, five, and the offset of the face that is not seen at its apex
    assert "positive (.70)" in text and "AU12 means happiness" in text and ">uncertain<" in text
    assert "lip corner puller" in text and "± .05" in text
    assert "The face is not seen at onset and apex" in text
    assert "72 frames are declared" in text
    for one in load_prior():
        for line in one.network.card["limits"]:
            assert line in unescape(text)
    assert "drawn from action units" in text, "what the networks were trained on"
    assert all(f'id="interval-{number}"' in text and f'href="#interval-{number}"' in text for number in (1, 2, 3))


def test_the_page_loads_nothing_and_takes_names_for_text(tmp_path: Path) -> None:
    text = page(tmp_path, made_result("<script>alert(1).mp4")).read_text(encoding="utf-8")
    assert "<script" not in text and "&lt;script&gt;alert(1).mp4" in text
    assert not re.search(r"(src|href)=\"(?!#|data:)", text) and "url(" not in text and "@import" not in text


@pytest.mark.parametrize(("status", "words"), [(NO_FACE, "No face was found"), (NOTHING, "nothing in it moved")])
def test_nothing_is_an_answer(tmp_path: Path, status: str, words: str) -> None:
    text = page(tmp_path, nothing(status)).read_text(encoding="utf-8")
    assert words in text and 'class="interval-card"' not in text
    assert ("Time course" in text) == (status == NOTHING)


def test_a_long_video_shows_its_strongest_intervals(tmp_path: Path) -> None:
    empty = Pictures(None, None, None)
    found = [
        FoundInterval(k + 1, replace(interval(k, k + 1, k + 2), strength=0.1 - 0.0001 * k), None, empty)
        for k in range(MOST + 5)
    ]
    text = page(tmp_path, replace(made_result(), intervals=found)).read_text(encoding="utf-8")
    assert text.count('class="interval-card"') == MOST and f'id="interval-{MOST + 1}"' not in text
    assert f"The {MOST} strongest of {MOST + 5} are shown" in text


@browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_the_window(tmp_path: Path, width: int) -> None:
    path = page(tmp_path, made_result("a_name_" * 12 + ".mp4", several=True))
    found = layout(path, tmp_path / "work", width=width)
    assert found["page"] <= width and found["wide"] == [] and found["tight"] == [] and found["unreachable"] == 0


@browser
def test_the_page_is_dark_where_the_reader_asks_for_it(tmp_path: Path) -> None:
    shot = screenshot(page(tmp_path, made_result()), tmp_path / "dark.png", width=800, height=1200, dark=True)
    with Image.open(shot) as picture:
        assert (np.asarray(picture.convert("L")) < 60).mean() > 0.5


def course(times: np.ndarray, motion: np.ndarray) -> str:
    frames = pd.DataFrame({"time": times, "motion": motion})
    return str(time_course_figure(frames, [], float(times[-1]), title="face"))


def points(figure: str) -> list[list[tuple[float, float]]]:
    """The drawn pieces as (x, y)."""
    path = re.search(r'<path d="M([^"]*)"', figure)
    assert path is not None
    pieces = [piece.split("L") for piece in path.group(1).split("M")]
    return [[(float(x), float(y)) for x, y in (pair.split() for pair in piece)] for piece in pieces]


def test_a_peak_of_one_frame_is_drawn_however_long_the_video() -> None:
    times = np.arange(60_000) / 100
    motion = np.full(len(times), 0.002)
    motion[31_234] = 0.08
    (line,) = points(course(times, motion))
    assert len(line) < 4 * STEPS + 8
    x, y = min(line, key=lambda point: point[1])
    assert x / STEPS * times[-1] == pytest.approx(312.34, abs=0.6) and y < 10


def test_the_curve_is_broken_where_no_face_is_seen() -> None:
    frames = frame_table()
    own = frames[frames["face_id"] == 0]
    before, after = points(course(own["time"].to_numpy(), own["motion"].to_numpy()))
    assert before[-1][0] / STEPS * 3.98 == pytest.approx(79 / 50, abs=0.01)
    assert after[0][0] / STEPS * 3.98 == pytest.approx(2.0, abs=0.01)


def test_bands_lie_at_the_times_of_the_intervals() -> None:
    one = FoundInterval(7, Interval(0, 10, 20, 40, 1.0, 2.0, 4.0), None, Pictures(None, None, None))
    frames = pd.DataFrame({"time": [0.0, 8.0], "motion": [np.nan, np.nan]})
    text = str(time_course_figure(frames, [one], 8.0, title="face"))
    assert '<rect class="macro" x="12.500%"' in text and 'width="37.500%"' in text
    assert 'href="#interval-7"' in text and "7 at 2.00 s" in text


def test_numbers_of_near_intervals_stand_one_above_the_other() -> None:
    none = Pictures(None, None, None)
    found = [FoundInterval(k, interval(at, at + 1, at + 2), None, none) for k, at in enumerate((10, 12, 14, 90), 1)]
    frames = pd.DataFrame({"time": [0.0, 2.0], "motion": [np.nan, np.nan]})
    text = str(time_course_figure(frames, found, 2.0, title="face"))
    heights = re.findall(r'class="number" x="[^"]+" y="(\d+)"', text)
    assert heights[0] == heights[2] == heights[3] != heights[1]
