import numpy as np
import pytest

from mer.errors import ConfigError
from mer.video.interval import Interval
from mer.video.motion.time_course import TimeCourse
from mer.video.spotters.excursions import FLOOR, departure
from mer.video.spotters.registry import SPOTTERS
from mer.video.spotting import spot
from tests.video.courses import bump, course

TIMES = np.arange(0, 12, 1 / 50)


def spans(intervals: list[Interval]) -> list[tuple[float, float]]:
    return [(interval.onset_time, interval.offset_time) for interval in intervals]


def near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared / (max(one[1], other[1]) - min(one[0], other[0])) > 0.7


@pytest.mark.parametrize("region", ["brows", "mouth", "cheeks", "nose"])
def test_micro_and_macro_expressions_are_found_with_apex_and_kind(region: str) -> None:
    moves = {region: lambda times: bump(2, 2.36)(times) + bump(6, 8.4, 0.06, hold=1.6)(times)}
    micro, macro = spot([course(TIMES, moves)])
    assert (micro.kind, macro.kind) == ("micro", "macro")
    assert near(spans([micro])[0], (2, 2.36))
    assert near(spans([macro])[0], (6, 8.4))
    assert micro.apex_time == pytest.approx(2.18, abs=0.05)
    assert 6.4 <= macro.apex_time <= 8.0
    assert micro.region == region
    assert micro.strength > micro.threshold >= FLOOR
    assert micro.source == "excursions"
    assert micro.whole


@pytest.mark.parametrize("rate", [15, 25, 100, 200])
def test_other_frame_rates_give_the_same_intervals_in_seconds(rate: int) -> None:
    moves = {"brows": bump(3, 3.4), "mouth": bump(7, 8.5)}
    found = spans(spot([course(np.arange(0, 12, 1 / rate), moves)]))
    assert len(found) == 2
    assert near(found[0], (3, 3.4))
    assert near(found[1], (7, 8.5))


def test_a_varying_frame_rate_gives_the_same_intervals() -> None:
    steps = np.random.default_rng(5).uniform(0.01, 0.05, 400)
    found = spans(spot([course(np.cumsum(steps) - steps[0], {"brows": bump(3, 3.4)})]))
    assert len(found) == 1
    assert near(found[0], (3, 3.4))


def test_frames_are_those_of_the_video() -> None:
    late = course(TIMES, {"brows": bump(3, 3.4)})
    moved = TimeCourse(4, late.frames + 100, late.times, late.motion, late.head, late.pupils)
    (interval,) = spot([moved])
    assert interval.face_id == 4
    assert interval.onset == 100 + round(interval.onset_time * 50)


def wave(rate: float, size: float, start: float, end: float):
    return lambda times: size * np.sin(2 * np.pi * rate * times) * (times > start) * (times < end)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_in_noise_drift_steps_talk_and_swaying_heads(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rate, size, turn = rng.uniform(3.5, 5.5), rng.uniform(0.01, 0.05), rng.uniform(0.1, 0.4)
    nothing = {
        "noise": course(TIMES, {}, noise=0.001, seed=seed),
        "drift": course(TIMES, {"brows": lambda times: 0.02 * times}, seed=seed),
        "a step": course(TIMES, {"mouth": lambda times: 0.05 / (1 + np.exp(-(times - 5) / 0.05))}, seed=seed),
        "talk": course(TIMES, {"mouth": wave(rate, size, 2, 10)}, seed=seed),
        "a turn": course(TIMES, {}, yaw=bump(3, 4, turn), relief=0.3, seed=seed),
    }
    assert {name: spot([one]) for name, one in nothing.items() if spot([one])} == {}


def test_cheeks_that_talking_pulls_are_no_expression_but_those_of_a_smile_are() -> None:
    talk = wave(4, 0.04, 2, 10)
    cheeks = bump(5, 5.4, 0.02)
    assert spot([course(TIMES, {"mouth": talk, "cheeks": cheeks})]) == []
    assert len(spot([course(TIMES, {"mouth": talk, "brows": cheeks})])) == 1
    assert len(spot([course(TIMES, {"cheeks": cheeks})])) == 1
    (smile,) = spot([course(TIMES, {"mouth": bump(5, 6, 0.04), "cheeks": bump(5, 6, 0.05)})])
    assert near(spans([smile])[0], (5, 6))


def test_what_a_blink_moves_is_left_out_with_its_mask_only() -> None:
    blinking = course(TIMES, {"brows": bump(3, 3.3, 0.01)}, lids=bump(3, 3.3, 0.6))
    assert spot([blinking]) == []
    assert len(spot([blinking], options={"mask_blinks": False})) == 1
    stronger = course(TIMES, {"brows": bump(3, 3.4, 0.04)}, lids=bump(3, 3.3, 0.6))
    assert len(spot([stronger])) == 1


def test_a_strong_smile_hides_no_weak_expression() -> None:
    moves = {"mouth": bump(1, 3, 0.15), "brows": bump(5, 5.3, 0.015), "cheeks": bump(8, 8.4, 0.015)}
    assert [interval.region for interval in spot([course(TIMES, moves)])] == ["mouth", "brows", "cheeks"]


def test_an_expression_that_the_video_cuts_off_ends_with_it() -> None:
    (interval,) = spot([course(TIMES, {"mouth": bump(11, 14, 0.1)})])
    assert interval.onset_time == pytest.approx(11, abs=0.4)
    assert interval.offset_time == pytest.approx(TIMES[-1], abs=0.03)
    assert not interval.whole


def test_gaps_divide_a_course() -> None:
    cut = course(TIMES, {"brows": bump(3, 4.5, 0.05)})
    motion = cut.motion.copy()
    motion[(cut.times > 3.6) & (cut.times < 3.8)] = np.nan
    for interval in spot([TimeCourse(0, cut.frames, cut.times, motion, cut.head, cut.pupils)]):
        assert not interval.onset_time < 3.55 < 3.9 < interval.offset_time


@pytest.mark.parametrize("spotter", list(SPOTTERS))
def test_every_spotter_answers_short_empty_and_unknown_courses(spotter: str) -> None:
    for count in (0, 1, 2, 5, 40):
        short = course(np.arange(count) / 30, {})
        assert spot([short], spotter) == []
    assert spot([], spotter) == []


def test_peaks_of_flow_lie_where_motion_is_fastest() -> None:
    found = spot([course(TIMES, {"mouth": bump(5, 5.24, 0.05)})], "flow_peaks")
    assert {interval.region for interval in found} == {"mouth"}
    assert all(4.9 < interval.apex_time < 5.5 for interval in found)


def test_unknown_spotters_and_options_are_named() -> None:
    with pytest.raises(ConfigError, match="excursion'"):
        spot([], "excursion")
    with pytest.raises(ConfigError, match="roof"):
        spot([], options={"roof": 1})
    with pytest.raises(ConfigError, match="floor"):
        spot([], options={"floor": "low"})


def test_departure_is_the_prominence_of_one_number_by_a_slow_loop() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal(60).cumsum()
    size, _ = departure(values[:, None, None], 0.4)
    for at in range(24, 36):
        before, amid, after = (values[first : first + 6].mean() for first in (at - 18, at - 3, at + 12))
        assert size[at, 0] == pytest.approx(max(min(amid - before, amid - after), min(before - amid, after - amid)))
