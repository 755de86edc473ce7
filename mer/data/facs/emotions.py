"""Draw the action units of an emotion: call `sample_activations`; `EMOTIONS` holds the rules.

`emotion_of_units` reads the same rules the other way round. Contract: a draw depends only on its arguments and the
generator. Sources: EMFACS, as micro-expression sets apply it
(happiness 6 or 12; disgust 9, 10 or 4+7; surprise 1+2 or 2; repression 15, 17; contempt one-sided 14; anger 4+5+7+24;
fear 1+2+4+5+20; sadness 1+4+15), and the usual reports of their coders: few units, often one, often weak. The weights
are our own estimates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mer.data.facs.units import ACTION_UNITS, Activation


@dataclass(frozen=True)
class EmotionRule:
    """Action units that may show an emotion, with their probabilities."""

    #: (weight, units): one of these sets is drawn.
    cores: tuple[tuple[float, tuple[int, ...]], ...]
    #: (unit, probability): each is added independently.
    extras: tuple[tuple[int, float], ...] = ()
    #: Probability that units with `one_sided` act on one side only.
    one_sided: float = 0.1


EMOTIONS: dict[str, EmotionRule] = {
    "happiness": EmotionRule(
        ((4, (12,)), (4, (6, 12)), (1, (6,))), ((25, 0.1), (14, 0.06)), one_sided=0.15),
    "surprise": EmotionRule(
        ((6, (1, 2)), (2, (1, 2, 5)), (1, (2,)), (1, (1,)), (1, (1, 2, 25)), (0.5, (1, 2, 5, 26))), ((25, 0.06),)),
    "disgust": EmotionRule(
        ((4, (4, 7)), (2, (4,)), (1.5, (9,)), (1.5, (10,)), (1.5, (4, 9)), (1, (4, 7, 10)), (0.7, (7,))),
        ((17, 0.06),)),
    "repression": EmotionRule(
        ((2, (14,)), (2, (15,)), (2.5, (17,)), (1, (24,)), (1, (14, 17)), (1, (15, 17)), (0.5, (23,)), (0.3, (28,))),
        ((4, 0.08),)),
    # the only expression that is recognised by being one-sided
    "contempt": EmotionRule(
        ((5, (14,)), (0.7, (12, 14)), (0.7, (14, 17))), one_sided=0.8),
    "anger": EmotionRule(
        ((3, (4,)), (3, (4, 7)), (1.5, (7,)), (1, (4, 5, 7)), (1, (4, 7, 24)), (0.7, (4, 24)), (0.7, (23,)),
         (0.5, (4, 5, 7, 24)))),
    "fear": EmotionRule(
        ((2, (1, 2, 4)), (1.5, (4, 5)), (1.5, (20,)), (1, (1, 4)), (1, (1, 2, 4, 5, 20)), (0.7, (4, 20, 25)))),
    "sadness": EmotionRule(
        ((2, (1, 4)), (2, (15,)), (1, (1, 4, 15)), (1, (15, 17)), (0.7, (1,)), (0.5, (4, 15)))),
    # expressions without a name: mostly brows, and single units of any kind
    "others": EmotionRule(
        ((4, (4,)), (3, (4, 7)), (1.5, (14,)), (1, (7,)), (1, (17,)), (0.7, (1,)), (0.7, (25,)), (0.7, (24,)),
         (0.7, (12,)), (0.5, (16,)), (0.5, (2,)), (0.4, (28,)), (0.4, (23,))),
        ((45, 0.1),), one_sided=0.2),
}  # fmt: skip

#: (unit, weight) of motion unrelated to the emotion. Blinks are by far the most frequent (10 to 20 a minute in people
#: at rest), then gaze and swallowing. The second line holds units that are part of other expressions.
IRRELEVANT = (
    (45, 6.0), (61, 1.0), (62, 1.0), (63, 0.7), (64, 1.0), (80, 1.5),
    (25, 0.6), (24, 0.6), (14, 0.5), (17, 0.5), (4, 0.4), (7, 0.4), (12, 0.3),
)  # fmt: skip


def sample_activations(
    emotion: str, rng: np.random.Generator, intensity: tuple[float, float] = (0.3, 1.0)
) -> tuple[Activation, ...]:
    """Draw the action units of one expression of `emotion` (a key of `EMOTIONS`), sorted by code.

    The expression has one strength, uniform in `intensity`. Each unit is weaker by up to a third, and each side again
    by up to a fifth, since faces are asymmetric even when both sides act. In a one-sided expression all units act on
    the same side.
    """
    rule = EMOTIONS[emotion]
    weights = np.array([weight for weight, _ in rule.cores])
    codes = set(rule.cores[int(rng.choice(len(weights), p=weights / weights.sum()))][1])
    codes |= {code for code, probability in rule.extras if rng.random() < probability}
    strength = rng.uniform(*intensity)
    alone = rng.random() < rule.one_sided
    left_acts = rng.random() < 0.5
    drawn = []
    for code in sorted(codes):
        level = strength * rng.uniform(0.67, 1.0)
        left, right = level * rng.uniform(0.8, 1.0, 2)
        if alone and ACTION_UNITS[code].one_sided:
            left, right = (left, 0.0) if left_acts else (0.0, right)
        drawn.append(Activation(code, float(left), float(right)))
    return tuple(drawn)


def sample_irrelevant(
    rng: np.random.Generator, expected: float, *, taken: Sequence[int] = (), intensity: tuple[float, float] = (0.1, 0.8)
) -> tuple[Activation, ...]:
    """Draw units unrelated to the emotion: about `expected` (Poisson), none of `taken`, each at most once."""
    codes = [code for code, _ in IRRELEVANT if code not in taken]
    weights = np.array([weight for code, weight in IRRELEVANT if code not in taken])
    count = min(int(rng.poisson(expected)), len(codes))
    chosen = rng.choice(codes, size=count, replace=False, p=weights / weights.sum())
    drawn = []
    for code in sorted(int(code) for code in chosen):
        level = rng.uniform(*intensity)
        left, right = level * rng.uniform(0.8, 1.0, 2)
        drawn.append(Activation(code, float(left), float(right)))
    return tuple(drawn)


#: Name of the rule of `emotion_of_units`.
RULE = "EMFACS"
#: Units that say nothing of an emotion: blinks, gaze, swallowing.
WITHOUT_MEANING = frozenset({45, 61, 62, 63, 64, 80})
#: Likeness of units and a combination (Jaccard index) that must be exceeded: with one half, `4+12` would be anger.
LIKE = 0.5


def emotion_of_units(units: Iterable[int]) -> str | None:
    """Return the emotion (a key of `EMOTIONS` other than `others`) whose combinations are most like a set of units.

    Likeness is the Jaccard index with the best of the emotion's combinations; of equals, the emotion of which that
    combination is the larger part. None where no combination is like the units by more than `LIKE`.
    """
    shown = frozenset(units) - WITHOUT_MEANING
    best, name = (LIKE, 1.0), None
    for emotion, rule in EMOTIONS.items():
        if emotion == "others":
            continue
        whole = sum(weight for weight, _ in rule.cores)
        for weight, core in rule.cores:
            found = (len(shown & {*core}) / len(shown | {*core}), weight / whole)
            if found > best:
                best, name = found, emotion
    return name
