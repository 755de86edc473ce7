"""Turn the events of a drawn video into what each frame shows: call `time_courses`.

Contract: a function of the specification. Rises and falls follow a minimum-jerk course. The head also sways all the
time, and the light changes slowly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mer.data.synthetic.videos.video_design import BLINK, HEAD, TALK, Event, VideoSpec
from mer.utils.seeding import seed_from

Array = npt.NDArray[np.float64]
#: Standard deviation of the sway: x, y in face units, roll, yaw, pitch in radians, size as a share.
SWAY = {"x": 0.03, "y": 0.02, "roll": 0.012, "yaw": 0.02, "pitch": 0.015, "size": 0.008}
#: Seconds of the periods of which the sway is made.
PERIODS = (2.5, 20.0)
#: Syllables a second, and the units that shape the mouth beside lips and jaw.
SYLLABLES, SHAPES = (3.5, 5.5), (10, 16, 20, 23)
#: Relative deviation of the light: slow changes, and from frame to frame.
SLOW_LIGHT, FAST_LIGHT = 0.01, 0.002


@dataclass(frozen=True)
class TimeCourses:
    """Levels in each of T frames."""

    #: Unit by its code: intensities of left and right side, (T, 2).
    units: dict[int, Array]
    #: How far the eyes are closed and the mouth is open, 0..1: (T,).
    closed: Array
    open: Array
    #: Course (T,) of each key of `SWAY`.
    head: dict[str, Array]
    #: Factor on the brightness (T,).
    light: Array


def time_courses(spec: VideoSpec) -> TimeCourses:
    """Return the levels of everything that moves in a video."""
    units: dict[int, Array] = {}
    closed = np.zeros(spec.frames)
    head = _sway(spec)
    for event in spec.events:
        level = _level(event, spec.frames)
        if event.kind == HEAD and event.head is not None:
            swing = _swing(event, spec.frames)
            for name in ("yaw", "pitch", "roll"):
                head[name] = head[name] + getattr(event.head, name) * swing
        elif event.kind == TALK:
            for code, course in _talking(event, spec).items():
                units[code] = units.get(code, 0) + np.repeat(course[:, None], 2, axis=1)
        else:
            if event.kind == BLINK:
                closed = np.maximum(closed, level)
                level = 0.35 * level  # the lids are drawn closing; brow and lower lid give a little
            for item in event.units:
                course = np.stack([level * item.left, level * item.right], axis=1)
                units[item.code] = units.get(item.code, 0) + course
    nothing = np.zeros((spec.frames, 2))
    parted = 0.6 * units.get(25, nothing).mean(axis=1) + 0.8 * units.get(26, nothing).mean(axis=1)
    return TimeCourses(units, closed, np.clip(parted, 0, 1), head, _light(spec))


def ease(t: npt.ArrayLike) -> Array:
    """Return a minimum-jerk rise from 0 at t <= 0 to 1 at t >= 1."""
    t = np.clip(t, 0, 1)
    return t**3 * (10 - 15 * t + 6 * t**2)


def _level(event: Event, frames: int) -> Array:
    """Return the course (T,) of an event: 0 outside its frames, 1 from apex to release."""
    time = np.arange(frames)
    # the frames before the onset and after the offset are the last ones at rest
    rise = ease((time - event.onset + 1) / (event.apex - event.onset + 1))
    fall = ease((event.offset + 1 - time) / (event.offset + 1 - event.release))
    return np.minimum(rise, fall)


def _swing(event: Event, frames: int) -> Array:
    """Return the course (T,) of a movement there and back, as often as it swings; the way back of more goes beyond."""
    swings = event.head.swings if event.head else 1
    time = np.clip((np.arange(frames) - event.onset + 1) / (event.offset - event.onset + 2), 0, 1)
    if swings == 1:
        return ease(2 * np.minimum(time, 1 - time))
    return np.sin(np.pi * time) * np.sin(2 * np.pi * swings * time)


def _talking(event: Event, spec: VideoSpec) -> dict[int, Array]:
    """Return the courses (T,) of lips, jaw and mouth shapes in a stretch of talking: one bump a syllable."""
    rng = np.random.default_rng(seed_from(spec.seed, "video", "talk", event.onset))
    seconds = (np.arange(spec.frames) - event.onset) / spec.rate
    length = (event.offset - event.onset) / spec.rate
    envelope = np.minimum(ease((seconds + 1 / spec.rate) / 0.15), ease((length + 1 / spec.rate - seconds) / 0.15))
    courses = {code: np.zeros(spec.frames) for code in (25, 26, *SHAPES)}
    at = 0.0
    while at < length:
        step = 1 / rng.uniform(*SYLLABLES)
        bump = np.exp(-0.5 * ((seconds - at - step / 2) / (0.3 * step)) ** 2)
        courses[25] += rng.uniform(0.3, 1.1) * bump
        courses[26] += rng.uniform(0.1, 1.0) * bump
        courses[int(rng.choice(SHAPES))] += rng.uniform(0.1, 0.6) * bump
        at += step
    return {code: course * envelope for code, course in courses.items()}


def _sway(spec: VideoSpec) -> dict[str, Array]:
    """Return slow movements of the head: for each key of `SWAY` a sum of three waves (T,)."""
    seconds = np.arange(spec.frames) / spec.rate
    courses = {}
    for name, deviation in SWAY.items():
        rng = np.random.default_rng(seed_from(spec.seed, "video", "sway", name))
        periods, phases = np.exp(rng.uniform(np.log(PERIODS[0]), np.log(PERIODS[1]), 3)), rng.uniform(0, 2 * np.pi, 3)
        waves = np.sin(2 * np.pi * seconds[:, None] / periods + phases)
        courses[name] = deviation * waves @ rng.dirichlet(np.ones(3)) * np.sqrt(2)
    return courses


def _light(spec: VideoSpec) -> Array:
    """Return the brightness of the light (T,), about 1."""
    rng = np.random.default_rng(seed_from(spec.seed, "video", "light"))
    knots = rng.standard_normal(2 + int(spec.frames / spec.rate))  # one a second
    slow = np.interp(np.arange(spec.frames) / spec.rate, np.arange(len(knots)), knots)
    return 1 + SLOW_LIGHT * slow + FAST_LIGHT * rng.standard_normal(spec.frames)
