from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest

from mer.config import SyntheticData
from mer.data import facs
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import VIEW, Movement, Pose, render_frame
from mer.video.motion.displacement import displacements
from mer.video.motion.face_regions import CELLS, PATCH_REGIONS, PATCHES
from mer.video.motion.face_regions import VIEW as CROPPED
from mer.video.motion.time_course import LAG, CourseRecorder, FacePlace, TimeCourse, levelled
from mer.video.reading.frame_source import VideoFrame

SIDE, RATE = 240, 50
#: From face units to pixels of a drawing whose head stands straight.
MATRIX = np.array([[SIDE / VIEW.width, 0, SIDE / 2 - 0.5], [0, SIDE / VIEW.height, SIDE / 2 - 0.5]])
MATRIX[:, 2] -= MATRIX[:, :2] @ [VIEW.x, VIEW.y]


@lru_cache
def drawn(number: int, units: tuple[int, ...] = (12,)) -> np.ndarray:
    """Return frame `number` of a person whose units rise in frames 5 to 10 and fall until 15."""
    (spec, *_) = design_clips(SyntheticData(name="synthetic", subjects=6, clips=12, seed=3, size=SIDE))
    moves = tuple(Movement(facs.Activation(code, 1.0, 1.0), 5, 10, 15) for code in units)
    still = replace(spec, expression=moves, irrelevant=(), pose=Pose(), drift=Pose(), noise=1.0, onset=0)
    return render_frame(still, number)


def measured(
    pictures: list[np.ndarray],
    places: Callable[[int], np.ndarray] = lambda number: MATRIX,
    *,
    times: Callable[[int], float] = lambda number: number / RATE,
    jumps: tuple[int, ...] = (0,),
) -> TimeCourse:
    recorder = CourseRecorder()
    for number, picture in enumerate(pictures):
        place = FacePlace(7, places(number), jumped=number in jumps)
        recorder.update(VideoFrame(number, times(number), picture), picture, [place])
    (found,) = recorder.courses()
    return found


def lengths(course: TimeCourse, region: str) -> np.ndarray:
    return np.hypot(*np.moveaxis(course.motion, 2, 0))[:, np.array(PATCH_REGIONS) == region].max(axis=1)


@lru_cache
def smile() -> TimeCourse:
    return measured([drawn(number) for number in range(16)])


def truth(code: int) -> np.ndarray:
    """Return the displacement (P, 2) of each patch at full intensity."""
    (spec, *_) = design_clips(SyntheticData(name="synthetic", subjects=6, clips=12, seed=3, size=SIDE))
    field = facs.displacement([facs.Activation(code, 1.0, 1.0)], CROPPED.grid(CELLS), spec.person.shape)
    return np.einsum("pc,kc->pk", PATCHES, field.reshape(2, -1))


def test_a_drawn_smile_moves_the_patches_as_it_is_drawn() -> None:
    # six frames of 20 ms are LAG, so frame 10 is compared with frame 4, before the smile
    mouth = np.isin(PATCH_REGIONS, ["mouth", "cheeks"])
    found, known = smile().motion[10][mouth], truth(12)[mouth]
    assert np.corrcoef(found.ravel(), known.ravel())[0, 1] > 0.9
    assert 0.6 < (found * known).sum() / (known**2).sum() < 1.1


def test_other_regions_and_the_frames_before_are_still() -> None:
    table = smile().table()
    assert table["motion"][2:5].max() < 0.004
    assert table["motion_mouth"].max() > 2.5 * table["motion_brows"].max()
    assert np.isnan(table["motion"][0])
    assert list(table["frame"]) == list(range(16))
    assert set(table["face_id"]) == {7}


def test_the_skin_comes_back_after_the_smile() -> None:
    # frames stand still after the smile, so that its end is averaged over LAG too
    pictures = [drawn(min(number, 15)) for number in range(30)]
    (stretch,) = displacements(measured(pictures))
    way = np.linalg.norm(stretch.skin - stretch.skin[0], axis=2).max(axis=1)
    assert way[-1] < 0.25 * way.max()
    assert stretch.times[way.argmax()] == pytest.approx(10 / RATE, abs=0.03)


@pytest.mark.parametrize("follows", [True, False])
def test_a_head_that_moves_adds_no_motion(follows: bool) -> None:
    """Shifts, turns and grows a still face; its place follows, or stays where it was."""

    def place(number: int) -> np.ndarray:
        angle, size, shift = 0.01 * number, 1 + 0.004 * number, [1.2 * number, -0.7 * number]
        linear = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = MATRIX[:, 2]
        return np.column_stack([linear, middle - linear @ middle + shift])

    pictures = [
        cv2.warpAffine(drawn(0), place(number), (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        for number in range(10)
    ]

    def known(number: int) -> np.ndarray:
        own = place(number)
        return np.column_stack([own[:, :2] @ MATRIX[:, :2], own[:, :2] @ MATRIX[:, 2] + own[:, 2]])

    found = measured(pictures, known if follows else lambda number: MATRIX)
    assert np.nanmax(np.hypot(*np.moveaxis(found.motion, 2, 0))) < (0.006 if follows else 0.012)
    if not follows:
        # 0.01 radians a frame, six frames apart
        assert found.head[8, 3] == pytest.approx(0.06, rel=0.15)


def test_light_adds_no_motion() -> None:
    lit = [np.clip(drawn(0) * (0.6 + 0.08 * number) + 3.0 * number, 0, 255).astype(np.uint8) for number in range(8)]
    assert np.nanmax(measured(lit).table()["motion"]) < 0.004


def test_twice_and_uneven_frame_rates_measure_the_same_motion() -> None:
    every = smile()
    half = measured([drawn(number) for number in range(0, 16, 2)], times=lambda number: 2 * number / RATE)
    assert lengths(half, "mouth")[3:] == pytest.approx(lengths(every, "mouth")[6::2], abs=1e-6)
    kept = [0, 1, 4, 5, 7, 10, 11, 13]
    uneven = measured([drawn(number) for number in kept], times=lambda number: kept[number] / RATE)
    assert lengths(uneven, "mouth")[5] == pytest.approx(lengths(every, "mouth")[10], abs=1e-6)


def test_jumps_and_pauses_are_not_compared_across() -> None:
    pictures = [drawn(number) for number in range(10)]
    cut = measured(pictures, jumps=(0, 6)).table()["motion"]
    # a comparison needs a quarter of LAG, two frames here
    assert list(np.flatnonzero(cut.isna())) == [0, 1, 6, 7]
    paused = measured(pictures, times=lambda number: number / RATE + (number >= 6) * 3 * LAG).table()["motion"]
    assert list(np.flatnonzero(paused.isna())) == [0, 1, 6, 7]


def test_faces_are_measured_apart_and_few_crops_are_kept() -> None:
    recorder = CourseRecorder()
    for number in range(60):
        moving = min(number, 15)
        picture = np.hstack([drawn(moving), drawn(0)])
        right = MATRIX + np.array([[0, 0, SIDE], [0, 0, 0]])
        places = [FacePlace(face, one, jumped=number == 0) for face, one in enumerate((MATRIX, right))]
        recorder.update(VideoFrame(number, number / RATE, picture), picture, places)
    moved, still = recorder.courses()
    assert np.nanmax(moved.table()["motion"]) > 5 * np.nanmax(still.table()["motion"])
    assert max(len(face.crops) for face in recorder._faces.values()) <= 2 * LAG * RATE + 1


def test_closed_lids_brighten_the_pupils() -> None:
    pictures = [drawn(number, (45,)) for number in range(16)]
    closure = measured(pictures).closure
    assert closure.argmax() in range(8, 13)
    assert closure.max() > 3 * np.abs(closure[:4]).max()


def test_levelled_crops_have_one_contrast() -> None:
    crop = drawn(0)[60:156, 60:156]
    dim = (crop * 0.4 + 20).astype(np.uint8)
    assert np.abs(levelled(crop).astype(float) - levelled(dim)).mean() < 8
    assert levelled(np.full((96, 96), 90, np.uint8)).std() == 0
