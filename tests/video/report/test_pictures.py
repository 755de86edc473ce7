"""Pictures of an interval: motion points where the skin goes, evidence lies where it was found."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from mer.video.report.pictures import SIDE, SPACE, WORDS, arrows, evidence_tint, jpeg_uri, strip, tiles
from tests.video.predicted import made_answer, made_result

GROUND = np.full((SIDE, SIDE, 3), 200, np.uint8)


def changed(picture: np.ndarray) -> np.ndarray:
    return np.abs(picture.astype(int) - GROUND).sum(axis=2) > 60


@pytest.mark.parametrize(("u", "v"), [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_arrows_start_in_their_cell_and_point_where_the_skin_goes(u: int, v: int) -> None:
    motion = np.zeros((2, 28, 28), np.float32)
    motion[0, 14:16, 14:16], motion[1, 14:16, 14:16] = u, v
    rows, columns = np.nonzero(changed(arrows(GROUND, motion)))
    start = 7.5 * SIDE / 14
    way = np.array([columns.mean(), rows.mean()]) - start
    assert way @ [u, v] > 3 and abs(way @ [v, u]) < 1


def test_without_motion_there_is_no_arrow() -> None:
    assert not changed(arrows(GROUND, np.zeros((3, 28, 28), np.float32))).any()


def test_evidence_is_orange_where_it_speaks_for_the_answer_only() -> None:
    tinted = changed(evidence_tint(GROUND, made_answer().evidence))
    assert tinted[SIDE * 9 // 14, SIDE * 9 // 14] and not tinted[: SIDE // 2, : SIDE // 2].any()
    assert not changed(evidence_tint(GROUND, np.full((14, 14), -1.0))).any()


def test_a_strip_has_five_pictures_and_fewer_where_the_face_is_not_seen() -> None:
    first, _, last = made_result().intervals
    assert list(tiles(first)) == ["onset", "apex", "offset", "motion", "evidence"]
    assert list(tiles(last)) == ["offset"]
    whole = strip(first)
    assert whole is not None and whole.shape == (SIDE + WORDS, 5 * SIDE + 4 * SPACE, 3)
    assert np.array_equal(whole[WORDS:, :SIDE], first.pictures.onset)


def test_a_picture_in_a_page_is_the_picture() -> None:
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8), (0, 0), 4)
    kind, _, data = jpeg_uri(picture).partition(";base64,")
    back = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert kind == "data:image/jpeg"
    assert np.abs(cv2.cvtColor(back, cv2.COLOR_BGR2RGB).astype(int) - picture).mean() < 6
