from pathlib import Path

import numpy as np
import pytest

from mer.errors import SampleError
from mer.video.given_intervals import GivenInterval, given_intervals, read_intervals
from mer.video.interval import GIVEN
from mer.video.motion.time_course import TimeCourse
from tests.video.courses import bump, course

TIMES = np.arange(0, 4, 1 / 50)


def written(folder: Path, text: str) -> Path:
    path = folder / "intervals.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_intervals_are_read_with_and_without_apex_and_face(tmp_path: Path) -> None:
    path = written(tmp_path, "kind,onset,apex,offset,face_id\nmicro,10,20,30,1\nmacro,40,,90,\n")
    assert read_intervals(path) == {"": [GivenInterval(10, 30, 20, 1), GivenInterval(40, 90)]}
    assert read_intervals(written(tmp_path, "onset,offset\n0,5\n")) == {"": [GivenInterval(0, 5)]}
    several = written(tmp_path, "video,onset,offset\nb.mp4,0,5\na.mp4,1,6\n b.mp4,2,7\n")
    assert read_intervals(several) == {
        "b.mp4": [GivenInterval(0, 5), GivenInterval(2, 7)],
        "a.mp4": [GivenInterval(1, 6)],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("onset,apex\n1,2\n", "offset missing among onset, apex"),
        ("onset,offset\n5,x\n-1,3\n7,1.5\n", "row 2.*offset x; row 3.*onset -1; row 4.*offset 1.5"),
        ("onset,apex,offset\n5,4,9\n9,,5\n", "row 2: expected onset <= apex.*row 3"),
        ("onset,offset\n", "at least one row"),
        ("", "expected a CSV"),
    ],
)
def test_all_wrong_rows_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SampleError, match=message):
        read_intervals(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"no\.csv"):
        read_intervals(tmp_path / "no.csv")


def test_times_and_missing_apexes_come_from_the_course() -> None:
    seen = course(TIMES, {"brows": bump(1.0, 1.8)})
    whole, without = given_intervals([GivenInterval(50, 90, 60), GivenInterval(50, 90)], [seen])
    assert (whole.onset, whole.apex, whole.offset, whole.source) == (50, 60, 90, GIVEN)
    assert (whole.onset_time, whole.offset_time) == (1.0, 1.8)
    assert without.apex == pytest.approx(70, abs=3)


def test_the_face_seen_longest_is_taken_unless_named() -> None:
    one = course(TIMES, {})
    other = TimeCourse(3, one.frames[60:], one.times[60:], one.motion[60:], one.head[60:], one.pupils[60:])
    assert given_intervals([GivenInterval(50, 90)], [other, one])[0].face_id == 0
    assert given_intervals([GivenInterval(70, 90, face_id=3)], [one, other])[0].face_id == 3
    with pytest.raises(SampleError, match=r"frames 50 to 90: face 3 .*frames 190 to 500: a face"):
        given_intervals([GivenInterval(50, 90, face_id=3), GivenInterval(190, 500)], [one, other])


def test_an_interval_of_one_frame_is_its_own_apex() -> None:
    (interval,) = given_intervals([GivenInterval(0, 0)], [course(TIMES, {})])
    assert (interval.onset, interval.apex, interval.offset) == (0, 0, 0)
