"""Decide what happens in a drawn video: call `design_video` for a `VideoSpec` with the true events.

Contract: the design is a function of its arguments; the seed fixes person, camera and events. Frames count from 0;
onset, apex and offset of an event are frames, both ends included. Expressions and talking never overlap each other;
blinks and movements of the head fall anywhere. Durations: micro-expressions last under half a second,
macro-expressions half a second to four (Ekman 2003), blinks 0.2 to 0.4 s, 15 a minute (adults at rest: 10 to 20).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mer.data import facs
from mer.data.synthetic.person import Person, random_person
from mer.data.synthetic.profiles import PROFILES
from mer.errors import ConfigError
from mer.utils.seeding import seed_from

MICRO, MACRO, BLINK, TALK, HEAD = KINDS = ("micro", "macro", "blink", "talk", "head")
#: Three classes of MEGC and the emotions in them.
CLASSES = PROFILES["megc2019"].emotions
#: Strength of the weakest and strongest expressions; 1 moves skin by about 0.05 pupil distances.
MICRO_STRENGTH, MACRO_STRENGTH = (0.3, 0.8), (0.8, 2.0)
#: Seconds without expressions at both ends, and between two of them.
QUIET, GAP = 0.4, 0.4
#: Standard deviation of the camera's noise in grey levels, from the best to the worst camera.
NOISE = (1.0, 2.5)
#: Limits of the arguments of `design_video`: (least, most).
SECONDS, RATE, WIDTH, HEIGHT = (1.0, 1200.0), (25, 1000), (160, 3840), (120, 2160)


@dataclass(frozen=True)
class HeadMove:
    """A movement of the head: the angles (radians) it reaches, and how many times it swings there and back."""

    #: Towards the image's right, down, clockwise in the image.
    yaw: float
    pitch: float
    roll: float
    swings: int = 1

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the FACS codes of head positions: 51 left, 52 right, 53 up, 54 down, 55 tilt left, 56 tilt right."""
        pairs = ((self.yaw, "51", "52"), (self.pitch, "54", "53"), (self.roll, "55", "56"))
        return tuple(more if angle > 0 else less for angle, more, less in pairs if angle)


@dataclass(frozen=True)
class Event:
    """One event of a drawn video: its kind and the frames in which it begins, is strongest and ends."""

    kind: str
    onset: int
    apex: int
    offset: int
    units: tuple[facs.Activation, ...] = ()
    #: Frame up to which the strongest level is held.
    release: int = 0
    emotion: str = ""
    label: str = ""
    head: HeadMove | None = None

    @property
    def action_units(self) -> str:
        """Return the action units in a coder's notation, such as `1+2` or `L12`."""
        return "+".join(facs.au_text(self.units) + (self.head.codes if self.head else ()))


@dataclass(frozen=True)
class VideoSpec:
    """Specification of one drawn video, which determines its frames."""

    frames: int
    rate: int
    #: Width and height in pixels.
    size: tuple[int, int]
    person: Person
    events: tuple[Event, ...]
    #: Distance of the pupils and place of the point between them, at rest, in pixels.
    pupils: float
    middle: tuple[float, float]
    #: Standard deviation of the camera's noise in grey levels.
    noise: float
    seed: int


def config_errors(seconds: float, rate: int, size: tuple[int, int]) -> list[str]:
    """Return the errors in the arguments of `design_video`, one sentence each."""
    given = (
        ("seconds", seconds, SECONDS),
        ("rate", rate, RATE),
        ("width", size[0], WIDTH),
        ("height", size[1], HEIGHT),
    )
    found = [
        f"{name}: expected {least:g} to {most:g}, got {value:g}"
        for name, value, (least, most) in given
        if not least <= value <= most
    ]
    odd = [side for side in size if side % 2]
    return found + ([f"size: expected even numbers, which encoders need, got {size[0]} {size[1]}"] if odd else [])


def design_video(
    *, seconds: float = 6.0, rate: int = 100, size: tuple[int, int] = (640, 480), seed: int = 0, plain: bool = False
) -> VideoSpec:
    """Return the specification of a video.

    Args:
        seconds: its length. Six seconds hold two micro-expressions, a minute eight of them, four macro-expressions,
            three stretches of talking, 15 blinks and four movements of the head.
        rate: frames per second.
        size: width and height in pixels, even.
        seed: fixes person, camera and events.
        plain: leave out all events but the micro-expressions.

    Raises:
        ConfigError: if an argument is out of its range.
    """
    if wrong := config_errors(seconds, rate, size):
        raise ConfigError(wrong)
    frames = round(seconds * rate)
    rng = np.random.default_rng(seed_from(seed, "video", "events"))
    micro = 1 + round(seconds / 8.5)
    labels = _labels(micro, rng)
    exclusive = [_expression(MICRO, label, rate, rng) for label in labels]
    if not plain:
        exclusive += [_expression(MACRO, label, rate, rng) for label in _labels(round(seconds / 15), rng)]
        exclusive += [_talk(rate, rng) for _ in range(round(seconds / 20))]
    events = _placed(exclusive, frames, rate, rng)
    if not plain:
        events += _spread([_blink(rate, rng) for _ in range(max(1, round(seconds / 4)))], frames, rng)
        events += _spread([_head(rate, rng) for _ in range(max(1, round(seconds / 15)))], frames, rng)

    rng = np.random.default_rng(seed_from(seed, "video", "camera"))
    side = min(size[1], size[0] * 3 / 4)
    return VideoSpec(
        frames=frames,
        rate=rate,
        size=size,
        person=random_person(seed_from(seed, "video", "person")),
        events=tuple(sorted(events, key=lambda event: (event.onset, event.kind))),
        pupils=side * rng.uniform(0.19, 0.23),
        middle=(size[0] * rng.uniform(0.44, 0.56), size[1] * rng.uniform(0.40, 0.45)),
        noise=rng.uniform(*NOISE),
        seed=seed,
    )


def _labels(count: int, rng: np.random.Generator) -> list[str]:
    """Return the classes of so many expressions: as even as the number allows, in random order."""
    names = list(CLASSES)
    order = [names[k] for k in rng.permutation(len(names))]
    return [order[k % len(order)] for k in range(count)]


def _event(kind: str, seconds: Sequence[float], rate: int, **more: object) -> Event:
    """Return an event that begins at frame 0: `seconds` to the apex, at the apex, and from there to the offset."""
    apex = max(1, round(seconds[0] * rate))
    release = apex + round(seconds[1] * rate)
    return Event(kind, 0, apex, release + max(1, round(seconds[2] * rate)), release=release, **more)  # type: ignore[arg-type]


def _expression(kind: str, label: str, rate: int, rng: np.random.Generator) -> Event:
    """Draw an expression of a class; a micro-expression lasts 0.18 to 0.48 s, a macro-expression 0.55 to 3.8 s."""
    mixture = CLASSES[label]
    weights = np.array(list(mixture.values()))
    emotion = list(mixture)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    micro = kind == MICRO
    units = facs.sample_activations(emotion, rng, MICRO_STRENGTH if micro else MACRO_STRENGTH)
    ranges = ((0.08, 0.2), (0.0, 0.0), (0.1, 0.28)) if micro else ((0.25, 0.8), (0.0, 1.8), (0.3, 1.2))
    seconds = [rng.uniform(*limits) for limits in ranges]
    return _event(kind, seconds, rate, units=units, emotion=emotion, label=label)


def _blink(rate: int, rng: np.random.Generator) -> Event:
    seconds = rng.uniform(0.06, 0.1), rng.uniform(0.02, 0.06), rng.uniform(0.12, 0.2)
    return _event(BLINK, seconds, rate, units=(facs.Activation(45, 1.0, 1.0),))


def _talk(rate: int, rng: np.random.Generator) -> Event:
    """Draw a stretch of talking; lips and jaw move all the time, what else shapes the mouth is not named."""
    length = rng.uniform(1.5, 4.0)
    units = tuple(facs.Activation(code, 1.0, 1.0) for code in (25, 26))
    return _event(TALK, (length / 2, 0, length / 2), rate, units=units)


def _head(rate: int, rng: np.random.Generator) -> Event:
    """Draw a turn, a nod, a shake or a tilt of the head: turns of 5 to 20 degrees, others of half as much."""
    angle = float(rng.uniform(0.09, 0.35) * rng.choice([-1, 1]))
    moves = (
        HeadMove(angle, 0.0, 0.0),
        HeadMove(0.0, angle / 2, 0.0, swings=2),
        HeadMove(angle / 2, 0.0, 0.0, swings=3),
        HeadMove(0.0, 0.0, angle / 2),
    )
    length = rng.uniform(0.9, 2.4)
    head = moves[int(rng.integers(len(moves)))]
    return _event(HEAD, (length / 2, 0, length / 2), rate, head=head)


def _moved(event: Event, start: int) -> Event:
    """Return the event `start` frames later."""
    return replace(
        event,
        onset=event.onset + start,
        apex=event.apex + start,
        release=event.release + start,
        offset=event.offset + start,
    )


def _placed(events: list[Event], frames: int, rate: int, rng: np.random.Generator) -> list[Event]:
    """Place events one after another in random order with random gaps; what does not fit at the end is left out.

    The micro-expressions come first where room is short.
    """
    gap, quiet = math.ceil(GAP * rate), math.ceil(QUIET * rate)
    while events and _length(events) + gap * (len(events) - 1) > frames - 2 * quiet and len(events) > 1:
        events = events[:-1]
    free = frames - 2 * quiet - _length(events) - gap * (len(events) - 1)
    cuts = np.sort(rng.integers(0, max(free, 0) + 1, len(events)))
    placed, begin = [], quiet
    for cut, k in zip(cuts, rng.permutation(len(events)), strict=True):
        placed.append(_moved(events[k], begin + int(cut)))
        begin += events[k].offset + 1 + gap
    return [event for event in placed if event.offset < frames]


def _length(events: Sequence[Event]) -> int:
    return sum(event.offset + 1 for event in events)


def _spread(events: list[Event], frames: int, rng: np.random.Generator) -> list[Event]:
    """Place each event anywhere in its own equal part of the video; one longer than its part is left out."""
    part = frames / len(events)
    rooms = [math.floor(part) - event.offset - 1 for event in events]
    return [
        _moved(event, math.ceil(k * part) + int(rng.integers(room)))
        for k, (event, room) in enumerate(zip(events, rooms, strict=True))
        if room > 0
    ]
