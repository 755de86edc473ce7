"""Define the emotion mixes and label sets that the drawn corpus copies from real data sets, in `PROFILES`."""

from __future__ import annotations

from dataclasses import dataclass

_NEGATIVE = {"disgust": 72.0, "anger": 57.0, "repression": 27.0, "sadness": 13.0, "contempt": 12.0, "fear": 10.0}


@dataclass(frozen=True)
class Profile:
    """Emotion mix and label set of a real data set."""

    #: Class -> number of samples in the real set, in the order of the classes.
    counts: dict[str, float]
    #: Class -> {emotion: weight}; an emotion is a key of `facs.EMOTIONS`, or "neutral" for no motion.
    emotions: dict[str, dict[str, float]]
    #: Whether the set annotates the class only, without an emotion.
    coarse: bool = False


def _one(*names: str) -> dict[str, dict[str, float]]:
    """Return classes that each show the emotion of the same name."""
    return {name: {name: 1.0} for name in names}


def _shares(names: tuple[str, ...]) -> dict[str, float]:
    """Return the counts of MMEW for the six basic emotions, and 40 for any other."""
    counts = {"surprise": 89, "disgust": 72, "happiness": 36, "fear": 16, "sadness": 13, "anger": 8}
    return {name: counts.get(name, 40) for name in names}


_BASIC = ("surprise", "disgust", "happiness", "fear", "sadness", "anger")
_THREE = {"negative": _NEGATIVE, "positive": {"happiness": 1.0}, "surprise": {"surprise": 1.0}}

PROFILES: dict[str, Profile] = {
    "megc2019": Profile({"negative": 250, "positive": 109, "surprise": 83}, _THREE),
    "smic": Profile({"negative": 70, "positive": 51, "surprise": 43}, _THREE, coarse=True),
    "casme2": Profile(
        {"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 25},
        _one("others", "disgust", "happiness", "repression", "surprise"),
    ),
    "samm": Profile(
        {"anger": 57, "happiness": 26, "others": 26, "surprise": 15, "contempt": 12},
        _one("anger", "happiness", "others", "surprise", "contempt"),
    ),
    "casme": Profile(
        {"tense": 69, "disgust": 44, "repression": 38, "surprise": 20},
        {**_one("disgust", "repression", "surprise"), "tense": {"others": 1.0}},
        coarse=True,
    ),
    # the classes are those of the set, the shares are our own
    "fourdme": Profile(
        {"negative": 127, "positive": 34, "surprise": 30, "repression": 46, "others": 30},
        {**_THREE, **_one("repression", "others")},
        coarse=True,
    ),
    "basic": Profile(_shares(_BASIC), _one(*_BASIC)),
    "basic_others": Profile(_shares((*_BASIC, "others")), _one(*_BASIC, "others")),
    "basic_contempt": Profile(_shares((*_BASIC, "contempt")), _one(*_BASIC, "contempt")),
    "basic_neutral": Profile(_shares((*_BASIC, "neutral")), _one(*_BASIC, "neutral")),
}
