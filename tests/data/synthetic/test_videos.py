"""Drawn videos: events as documented, pixels fixed by the seed, motion as the truth says, files whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.data import facs
from mer.data.facs.notation import numbers, parse_aus, unread_parts
from mer.data.synthetic.__main__ import main
from mer.data.synthetic.videos import video_design, video_file
from mer.data.synthetic.videos.time_courses import SWAY, time_courses
from mer.data.synthetic.videos.video_design import BLINK, CLASSES, HEAD, MACRO, MICRO, TALK, Event, design_video
from mer.data.synthetic.videos.video_file import read_truth, truth_path, truth_table, write_video
from mer.data.synthetic.videos.video_rendering import VideoRenderer
from mer.errors import MerError

SMALL = {"seconds": 1.2, "rate": 50, "size": (160, 120)}


@settings(max_examples=60, deadline=None)
@given(seconds=st.floats(1, 90), rate=st.integers(25, 240), seed=st.integers(0, 1000), plain=st.booleans())
def test_events_are_as_documented(seconds: float, rate: int, seed: int, plain: bool) -> None:
    spec = design_video(seconds=seconds, rate=rate, size=(160, 120), seed=seed, plain=plain)
    assert spec.frames == round(seconds * rate)
    assert spec == design_video(seconds=seconds, rate=rate, size=(160, 120), seed=seed, plain=plain)
    kinds = [event.kind for event in spec.events]
    assert MICRO in kinds and (not plain or set(kinds) == {MICRO})
    for event in spec.events:
        assert 0 <= event.onset < event.apex <= event.release < event.offset < spec.frames
        length = (event.offset - event.onset) / rate
        low, high = {MICRO: (0.1, 0.5), MACRO: (0.5, 4), BLINK: (0.15, 0.4), TALK: (1.4, 4.1), HEAD: (0.8, 2.5)}[
            event.kind
        ]
        assert low <= length < high, event
        assert (event.label in CLASSES and event.emotion in CLASSES[event.label]) == (event.kind in (MICRO, MACRO))
        assert not unread_parts(event.action_units) and parse_aus(event.action_units)
    alone = sorted((e.onset, e.offset) for e in spec.events if e.kind in (MICRO, MACRO, TALK))
    assert all(after[0] - before[1] >= 0.4 * rate for before, after in pairwise(alone))


def test_a_minute_holds_what_the_documentation_says_and_every_class() -> None:
    spec = design_video(seconds=60, seed=3)
    counts = {kind: sum(e.kind == kind for e in spec.events) for kind in video_design.KINDS}
    assert counts[MICRO] == 8 and counts[MACRO] == 4 and counts[TALK] == 3 and counts[BLINK] == 15
    assert counts[HEAD] == 4
    labels = [e.label for e in spec.events if e.kind == MICRO]
    assert {labels.count(name) for name in CLASSES} <= {2, 3}
    assert sum(e.kind == MICRO for e in design_video().events) == 2


def test_levels_are_zero_outside_an_event_and_one_at_its_apex() -> None:
    unit = facs.Activation(12, 0.6, 0.0)
    spec = replace(design_video(**SMALL), events=(Event(MICRO, 10, 16, 30, (unit,), release=18),))
    level = time_courses(spec).units[12]
    assert (level[:, 1] == 0).all()
    assert (level[:10] == 0).all() and (level[31:] == 0).all()
    assert (level[10:31, 0] > 0).all()
    assert level[16:19, 0] == pytest.approx(0.6)
    assert (np.diff(level[9:17, 0]) > 0).all() and (np.diff(level[18:32, 0]) < 0).all()


def still(monkeypatch: pytest.MonkeyPatch, *events: Event) -> VideoRenderer:
    """Return a renderer of a head that does not sway before a camera without noise."""
    for name in SWAY:
        monkeypatch.setitem(SWAY, name, 0.0)
    spec = design_video(seconds=1, rate=50, size=(320, 240), seed=1)
    return VideoRenderer(replace(spec, noise=0.0, events=events))


def flow(renderer: VideoRenderer, first: int, second: int) -> np.ndarray:
    """Return flow (H, W, 2) in pixels between two frames, measured by a method the drawing knows nothing of."""
    method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    height = renderer.spec.size[1]
    return method.calc(renderer.planes(first)[:height], renderer.planes(second)[:height], None)


def at(renderer: VideoRenderer, x: float, y: float) -> tuple[int, int]:
    """Return row and column of a point in face coordinates."""
    spec = renderer.spec
    return round(spec.middle[1] + y * spec.pupils), round(spec.middle[0] + x * spec.pupils)


def test_skin_moves_as_the_action_units_say(monkeypatch: pytest.MonkeyPatch) -> None:
    units = (facs.Activation(12, 1.5, 1.5), facs.Activation(1, 1.5, 1.5))
    renderer = still(monkeypatch, Event(MACRO, 5, 20, 45, units, release=25))
    measured, shape = flow(renderer, 0, 22), renderer.spec.person.shape
    anchors = shape.anchors()
    for name, side in (("cheek_low", 1), ("cheek_low", -1), ("forehead", 1)):
        x, y = anchors[name][0] * side, anchors[name][1]
        true = facs.displacement(units, np.array([x, y]), shape) * renderer.spec.pupils
        assert np.hypot(*true) > 1
        place = at(renderer, x, y)
        assert np.hypot(*(measured[place] - true)) < 0.35 * np.hypot(*true) + 0.3
    assert np.hypot(*measured[at(renderer, 0, 0.3)]) < 0.3  # the nose is not moved


def test_a_turned_head_moves_its_nose_most_and_its_chest_not(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = video_design.HeadMove(0.2, 0.0, 0.0)
    renderer = still(monkeypatch, Event(HEAD, 5, 20, 35, release=20, head=turn))
    measured = flow(renderer, 0, 20)
    nose, cheek, chest = (measured[at(renderer, *place)][0] for place in ((0.05, 0.5), (0.75, 0.5), (0.0, 2.4)))
    assert nose > cheek + 1 > 1
    assert abs(chest) < 0.2
    assert turn.codes == ("51",)


def test_a_blink_closes_the_eyes_and_leaves_the_mouth(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = still(monkeypatch, Event(BLINK, 10, 14, 24, (facs.Activation(45, 1.0, 1.0),), release=15))
    height = renderer.spec.size[1]
    opened, shut = (renderer.planes(number)[:height].astype(float) for number in (0, 14))
    row, column = at(renderer, 0.5, 0.0)
    eye, mouth = (slice(row - 2, row + 3), slice(column - 2, column + 3)), at(renderer, 0.0, 1.0)
    assert shut[eye].mean() > opened[eye].mean() + 20  # skin in place of the pupil
    assert abs(shut[mouth] - opened[mouth]) < 12


def test_a_frame_depends_on_specification_and_number_alone() -> None:
    spec = design_video(**SMALL, seed=5)
    first, second = VideoRenderer(spec), VideoRenderer(spec)
    frames = [first.planes(number) for number in range(0, spec.frames, 7)]
    for number in reversed(range(0, spec.frames, 7)):
        np.testing.assert_array_equal(second.planes(number), frames[number // 7])
    assert frames[0].shape == (180, 160) and frames[0].dtype == np.uint8
    assert (frames[0] != frames[1]).any()
    wall = np.array(frames, float)[:, :10, :40]  # above and beside the head: the camera's noise alone
    assert 0.5 * spec.noise < wall.std(axis=0).mean() < 1.5 * spec.noise
    assert (VideoRenderer(replace(spec, seed=6)).planes(0) != frames[0]).any()


def test_the_file_holds_every_frame_and_the_truth_every_event(tmp_path: Path) -> None:
    spec = design_video(**SMALL, seed=2)
    truth = write_video(spec, tmp_path / "drawn.mp4")
    assert truth == truth_path(tmp_path / "drawn.mp4") == tmp_path / "drawn_truth.csv"
    with av.open(str(tmp_path / "drawn.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == spec.rate
        decoded = [frame.to_ndarray(format="yuv420p") for frame in container.decode(stream)]
    assert len(decoded) == spec.frames
    renderer = VideoRenderer(spec)
    for number in (0, 31, spec.frames - 1):
        assert np.abs(decoded[number].astype(float) - renderer.planes(number)).mean() < 4
    read = read_truth(tmp_path / "drawn.mp4")
    pd.testing.assert_frame_equal(read, truth_table(spec))
    for row, event in zip(read.itertuples(), spec.events, strict=True):
        assert (row.onset, row.apex, row.offset) == (event.onset, event.apex, event.offset)
        assert row.onset_seconds == pytest.approx(event.onset / spec.rate)
        codes = {unit.code for unit in event.units}
        assert event.head is not None or numbers(parse_aus(row.action_units)) == codes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drawn.mp4", "drawn_truth.csv"]


def test_nothing_is_left_of_an_interrupted_video(tmp_path: Path) -> None:
    def stopped(numbers: Iterable[int]) -> Iterator[int]:
        yield from list(numbers)[:5]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(design_video(**SMALL), tmp_path / "drawn.mp4", progress=stopped)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", video_file.ENDINGS)
def test_frames_of_every_container_have_their_times(ending: str, tmp_path: Path) -> None:
    spec = design_video(seconds=1, rate=40, size=(160, 120))
    write_video(spec, tmp_path / f"drawn{ending}")
    with av.open(str(tmp_path / f"drawn{ending}")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([number / 40 for number in range(40)], abs=1e-3)


def test_the_second_encoder_writes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_file, "ENCODERS", (("no_such_encoder", {}), video_file.ENCODERS[1]))
    spec = design_video(seconds=1, rate=25, size=(160, 120))
    write_video(spec, tmp_path / "drawn.mkv")
    with av.open(str(tmp_path / "drawn.mkv")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
        assert sum(1 for _ in container.decode(video=0)) == spec.frames


@pytest.mark.parametrize("name", ["drawn.mp4", "drawn_truth.csv"])
def test_no_file_is_replaced(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text("mine")
    assert main(["video", str(tmp_path / "drawn.mp4")]) == 2
    assert name in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--seconds", "nan"), "seconds"),
        (("--seconds", "0.5", "--rate", "5"), "rate"),
        (("--size", "161", "120"), "even"),
        (("--size", "160", "8"), "height"),
    ],
)
def test_options_out_of_range_end_with_status_2(
    options: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["video", str(tmp_path / "drawn.mp4"), *options]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_other_endings_and_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(MerError, match=r"drawn\.txt: expected a name"):
        write_video(design_video(**SMALL), tmp_path / "drawn.txt")
    with pytest.raises(MerError, match="no such file"):
        read_truth(tmp_path / "drawn.mp4")
    (tmp_path / "drawn_truth.csv").write_text("onset,offset\n1,2\n")
    with pytest.raises(MerError, match="expected the columns"):
        read_truth(tmp_path / "drawn.mp4")


def test_the_command_writes_a_video_and_says_that_it_is_synthetic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("--seconds", "1", "--rate", "25", "--size", "160", "120", "--plain")
    assert main(["video", str(tmp_path / "new" / "drawn.mkv"), *few]) == 0
    said = capsys.readouterr().out
    assert "25 frames" in said and "synthetic" in said and "1 micro" in said
    assert (tmp_path / "new" / "drawn.mkv").stat().st_size > 1000


@pytest.mark.slow
def test_the_detector_finds_the_drawn_face_in_every_pose() -> None:
    from mer.inputs.faces.mtcnn import detect

    for seed in range(4):
        spec = design_video(seconds=60, seed=seed)
        renderer = VideoRenderer(spec)
        for event in spec.events:
            faces = detect(renderer.picture(event.apex), smallest=60)
            assert len(faces) == 1 and faces[0].probability > 0.8, event
            eyes = faces[0].landmarks[:2]
            assert np.hypot(*(eyes.mean(axis=0) - spec.middle)) < 0.3 * spec.pupils
