import pytest

from mer.video.interval import Interval


@pytest.mark.parametrize(("end", "kind"), [(1.5, "micro"), (1.51, "macro"), (1.0, "micro")])
def test_length_tells_micro_from_macro(end: float, kind: str) -> None:
    interval = Interval(0, 30, 30, 45, 1.0, 1.0, end)
    assert interval.kind == kind
    assert interval.seconds == pytest.approx(end - 1.0)


@pytest.mark.parametrize("frames", [(5, 4, 6), (5, 7, 6), (-1, 4, 6)])
def test_frames_out_of_order_are_refused(frames: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="onset <= apex <= offset"):
        Interval(0, *frames, 0.0, 0.1, 0.2)


def test_times_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="rising times"):
        Interval(0, 1, 2, 3, 0.3, 0.2, 0.4)
