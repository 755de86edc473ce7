"""Find the intervals in which faces move: call `spot`.

Contract: which spotter is used is a name of `spotters.registry.SPOTTERS`. No interval is an answer, not an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mer.errors import ConfigError
from mer.utils.registry import option_errors
from mer.video.interval import Interval
from mer.video.motion.time_course import TimeCourse
from mer.video.spotters.registry import SPOTTERS

#: Spotter that is used where none is named.
DEFAULT = "excursions"


def spot(
    courses: Iterable[TimeCourse], spotter: str = DEFAULT, options: Mapping[str, Any] | None = None
) -> list[Interval]:
    """Return the intervals of all faces, in order of onset.

    Args:
        courses: of `CourseRecorder.courses`.
        spotter: a key of `SPOTTERS`.
        options: values of its keyword-only parameters.

    Raises:
        ConfigError: the spotter or an option is unknown, or a value is of the wrong type.
    """
    options = dict(options or {})
    errors = config_errors(spotter, options)
    if errors:
        raise ConfigError(errors)
    found = [interval for course in courses for interval in SPOTTERS[spotter](course, **options)]
    return sorted(found, key=lambda interval: (interval.onset, interval.face_id))


def config_errors(spotter: str, options: Mapping[str, Any]) -> list[str]:
    """Return the errors in the name of a spotter and in its options, one sentence each."""
    return SPOTTERS.unknown("spotter", spotter) or option_errors("spotter.options", SPOTTERS[spotter], options)
