"""Spot excursions: the skin of a region leaves its place, comes back, and does not go on moving. The default.

Contract: thresholds are lengths in face units or ratios, so they hold for any frame rate and size of face. Chosen with
about sixty looks at six drawn videos of 30 s (`design_video`, 50 frames a second, seeds 901 to 906, faces cut by their
true places): F1 .90 there, 1.0 on seeds 907 and 908, on which an earlier version was scored but no threshold was chosen
(14 intervals); `flow_peaks` .04 and .11. The same looks went to 200 s of real talk: 6.3 intervals a minute remain, with
and without the mask of blinks. What counts most is that an expression stands alone, by which talking is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import percentile_filter

from mer.data.facs.geometry import Array
from mer.video.interval import Interval
from mer.video.motion.displacement import RATE, Displacement, displacements
from mer.video.motion.face_regions import PATCH_REGIONS, PLACES
from mer.video.motion.time_course import LAG, TimeCourse
from mer.video.spotters.registry import SPOTTERS

#: Least displacement of a patch, face units (0.3 mm); its middle moves about twice as far. At half of it the noise of a
#: webcam at rest begins.
FLOOR = 0.005
#: Displacement as a multiple of the median within `WINDOW` seconds on both sides, at most `MOST`, so that one strong
#: expression does not hide the others and one that fills a short video does not hide itself.
TIMES, WINDOW, MOST = 3.0, 10.0, 0.03
#: Share of a turn of the head (radians) in the same time that remains in the skin: chin and lips lie far from the
#: cells to which the head is fitted.
TURNS = {"brows": 0.1, "mouth": 0.25, "cheeks": 0.1, "nose": 0.1}
#: Motion of brows, cheeks and nose in a blink, per closure of the lids.
BLINKS = 0.03
#: Longest way that the skin goes from `AROUND` seconds before to after, as a multiple of the way there and back;
#: `TREMBLE` face units a second are noise.
ALONE, AROUND, TREMBLE = 2.5, 1.0, 0.004
#: Regions that a talking mouth pulls along; `PLACES` names them after it.
PULLED = ("cheeks", "nose")
#: Widths that are tried, seconds.
WIDTHS = tuple(0.16 * 1.25**step for step in range(15))
#: Share of the displacement at the apex below which an interval begins and ends.
EDGE = 0.12
#: Share of the shorter of two intervals that they may have in common.
COMMON = 0.3
#: Share of the width over which the skin's place is averaged before, amid and after.
AVERAGED = 0.25
#: Times the threshold that an excursion must pass whose end lies behind the last frame.
UNFINISHED = 3.0
#: Share of such an excursion that the skin may move long before; a drift moves a quarter of it.
RESTED = 0.15


Samples = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Candidate:
    score: float
    middle: int
    width: float
    region: str
    size: float
    threshold: float


@SPOTTERS.register("excursions")
def excursions(course: TimeCourse, *, floor: float = FLOOR, mask_blinks: bool = True) -> list[Interval]:
    """Return the excursions of the skin, the strongest first chosen where they overlap.

    The apex is where the region is furthest from where it was before and after; onset and offset are where it is below
    `EDGE` of that.

    Args:
        course: time course of a face.
        floor: least displacement, face units.
        mask_blinks: whether to expect motion of brows, cheeks and nose while the lids close.
    """
    found = []
    for stretch in displacements(course):
        taken: list[tuple[int, int]] = []
        for one in sorted(_candidates(stretch, floor, mask_blinks), key=lambda candidate: -candidate.score):
            half = round(one.width * RATE / 2)
            if _shared((one.middle - half, one.middle + half), taken):
                continue
            places = _places(stretch, one)
            if _shared(places[::2], taken) or _drifts(stretch, one, *places):
                continue
            taken.append(places[::2])
            seconds = stretch.times[np.array(places)]
            if places[2] == len(stretch.times) - 1:
                seconds[2] += LAG / 2  # the last place is known in the middle of the last comparison
            onset, apex, offset = (int(np.abs(course.times - time).argmin()) for time in seconds)
            found.append(
                course.interval(
                    (onset, apex, offset),
                    source="excursions",
                    strength=one.size,
                    threshold=one.threshold,
                    region=one.region,
                    whole=places[2] < len(stretch.times) - 1,
                )
            )
    return sorted(found, key=lambda interval: interval.onset)


def _candidates(stretch: Displacement, floor: float, mask_blinks: bool) -> list[_Candidate]:
    """Return the local maxima over time of each region and width that pass their threshold and stand alone."""
    count = len(stretch.times)
    steps = np.linalg.norm(np.diff(stretch.skin, axis=0, prepend=stretch.skin[:1]), axis=2)
    way = np.concatenate([np.zeros((1, steps.shape[1])), steps.cumsum(axis=0)])
    found = []
    for width in WIDTHS:
        if width > 1.5 * count / RATE:
            break
        size, _ = departure(stretch.skin, width)
        turn = np.linalg.norm(departure(stretch.head[:, None], width)[1][:, 0], axis=1)
        closed = departure(stretch.lids[:, None, None], width)[1][:, 0, 0].clip(0) if mask_blinks else np.zeros(count)
        reach = round((width * (0.5 + AVERAGED) + AROUND) * RATE)
        first, end = np.arange(count) - reach, np.arange(count) + reach + 1
        first, end = first.clip(0), end.clip(max=count)
        moved = way[end] - way[first] - TREMBLE * ((end - first) / RATE)[:, None]
        # the end is not seen: the skin is taken to come back as it went
        unfinished = np.arange(count) + round(width * (0.5 + AVERAGED) * RATE) >= count
        talks, mouth = np.zeros(count, dtype=bool), np.zeros(count)
        for region in PLACES:
            patches = np.flatnonzero([one == region for one in PATCH_REGIONS])
            best = patches[size[:, patches].argmax(axis=1)]
            own = size[np.arange(count), best]
            usual = np.minimum(TIMES * _running_median(own.clip(0)), MOST)
            threshold = np.maximum(floor, usual) * np.where(unfinished, UNFINISHED, 1.0)
            threshold = threshold + TURNS[region] * turn + (region != "mouth") * BLINKS * closed
            gone = moved[np.arange(count), best]
            alone = gone <= 2 * ALONE * own
            if region == "mouth":
                talks, mouth = ~alone, gone
            elif region in PULLED:
                alone &= ~talks | (mouth <= 2 * ALONE * own)
            score = np.where(alone, own / threshold, 0)
            before, after = np.roll(score, 1), np.roll(score, -1)
            before[0] = after[-1] = 0
            for at in np.flatnonzero((score >= 1) & (score >= before) & (score >= after)):
                found.append(_Candidate(score[at], int(at), width, region, float(own[at]), float(threshold[at])))
    return found


def departure(values: Array, width: float) -> tuple[Array, Array]:
    """Return how far values (T, P, C) are away from where they are `width / 2` seconds before and after.

    Returns:
        (T, P) the distance from the middle between both, minus half the distance between them: at most 0 on a step or a
        drift; for one number it is the prominence. (T, P, C) the way from that middle.
    """
    count, half, size = len(values), round(width * RATE / 2), max(1, round(width * RATE * AVERAGED))
    at = np.arange(count)
    means = np.concatenate([np.zeros((1, *values.shape[1:])), _beyond(values, half + size + 1).cumsum(axis=0)])
    means = (means[size:] - means[:-size]) / size
    at = at + half + size + 1
    before, amid, after = means[at - half - size], means[at - size // 2], means[at + half]
    away = amid - (before + after) / 2
    return np.linalg.norm(away, axis=2) - np.linalg.norm(after - before, axis=2) / 2, away


def _beyond(values: Array, more: int) -> Array:
    """Return values with `more` ones on both sides: the first one held, since a face is taken to be at rest at first,
    and the last ones backwards, since an expression that goes on is taken to end as it began.
    """
    return values[_mirrored(np.arange(-more, len(values) + more), len(values))]


def _mirrored(at: Samples, count: int) -> Samples:
    return np.asarray(np.where(at < count, at, 2 * (count - 1) - at).clip(0))


def _running_median(values: Array) -> Array:
    """Return the median within `WINDOW` seconds on both sides of each sample, from every sixth of them."""
    thinned = percentile_filter(values[::6], 50, size=int(2 * WINDOW * RATE / 6) | 1, mode="reflect")
    return np.asarray(thinned.repeat(6)[: len(values)])


def _places(stretch: Displacement, one: _Candidate) -> tuple[int, int, int]:
    """Return the samples of onset, apex and offset of a candidate, by walking down from its apex."""
    count = len(stretch.times)
    skin = stretch.skin[:, [region == one.region for region in PATCH_REGIONS]].reshape(count, -1)
    half, size = round(one.width * RATE / 2), max(1, round(one.width * RATE * AVERAGED))
    ends = [
        skin[_mirrored(np.arange(start, start + size), count)].mean(axis=0)
        for start in (one.middle - half - size, one.middle + half)
    ]
    first, last = max(0, one.middle - half - size), min(count - 1, one.middle + half + size)
    at = np.arange(first, last + 1)
    share = ((at - one.middle + half + size / 2) / (2 * half + size)).clip(0, 1)[:, None]
    away = skin[first : last + 1] - (1 - share) * ends[0] - share * ends[1]
    middle = one.middle - first
    direction = away[max(0, middle - size // 2) : middle + size // 2 + 1].mean(axis=0)
    level = away @ (direction / max(float(np.linalg.norm(direction)), 1e-9))
    near = slice(max(0, middle - half), middle + half + 1)
    onset = apex = offset = near.start + int(level[near].argmax())
    while onset > 0 and level[onset - 1] > EDGE * level[apex]:
        onset -= 1
    while offset < len(level) - 1 and level[offset + 1] > EDGE * level[apex]:
        offset += 1
    return first + onset, first + apex, first + offset


def _drifts(stretch: Displacement, one: _Candidate, onset: int, apex: int, offset: int) -> bool:
    """Return whether an excursion that the end of the stretch cuts off is part of a drift: no rest came before it."""
    if offset < len(stretch.times) - 1:
        return False
    skin = stretch.skin[:, [region == one.region for region in PATCH_REGIONS]]
    start = max(0, onset - round(one.width * RATE / 2))
    early, whole = (float(np.linalg.norm(skin[at] - skin[start])) for at in ((start + onset) // 2, apex))
    return start == onset or early > RESTED * whole


def _shared(interval: tuple[int, ...], taken: list[tuple[int, int]]) -> bool:
    """Return whether an interval has more than `COMMON` of the shorter one in common with one of others."""
    first, last = interval
    return any(min(last, end) - max(first, begin) > COMMON * min(last - first, end - begin) for begin, end in taken)
