"""Draws of activations against the rules they are drawn from."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mer.data import facs
from mer.data.facs.emotions import emotion_of_units

#: Any one of these sets must stand in an expression of the emotion (the rules as the field states them).
CHARACTERISTIC = {
    "happiness": ({6}, {12}),
    "surprise": ({1}, {2}),
    "disgust": ({9}, {10}, {4}, {7}),
    "repression": ({14}, {15}, {17}, {24}, {23}, {28}),
    "contempt": ({14},),
    "anger": ({4}, {7}, {23}),
    "fear": ({1}, {4}, {20}),
    "sadness": ({1}, {15}),
}


def draws(emotion: str, count: int = 400) -> list[tuple[facs.Activation, ...]]:
    rng = np.random.default_rng(7)
    return [facs.sample_activations(emotion, rng) for _ in range(count)]


@pytest.mark.parametrize("emotion", sorted(facs.EMOTIONS))
def test_rules_use_known_units_and_draws_stay_in_range(emotion: str) -> None:
    rule = facs.EMOTIONS[emotion]
    known = set(facs.ACTION_UNITS)
    assert {code for _, codes in rule.cores for code in codes} | {code for code, _ in rule.extras} <= known
    for items in draws(emotion, 100):
        assert items
        assert [item.code for item in items] == sorted({item.code for item in items})
        assert all(0 <= side <= 1 for item in items for side in (item.left, item.right))
        assert all(max(item.left, item.right) >= 0.3 * 0.67 * 0.8 for item in items)


@pytest.mark.parametrize("emotion", sorted(CHARACTERISTIC))
def test_every_draw_shows_what_the_emotion_is_known_by(emotion: str) -> None:
    for items in draws(emotion):
        present = {item.code for item in items}
        assert any(need <= present for need in CHARACTERISTIC[emotion])


def test_cores_come_as_often_as_their_weights_say() -> None:
    rule = facs.EMOTIONS["anger"]
    seen = Counter(tuple(item.code for item in items) for items in draws("anger", 3000))
    total = sum(weight for weight, _ in rule.cores)
    for weight, codes in rule.cores:
        # four standard deviations of a binomial share
        share = weight / total
        assert abs(seen[codes] / 3000 - share) < 4 * np.sqrt(share * (1 - share) / 3000)


def test_contempt_is_mostly_one_sided_and_disgust_hardly_ever() -> None:
    def alone(emotion: str) -> float:
        return float(np.mean([any(0 in (item.left, item.right) for item in items) for items in draws(emotion)]))

    assert alone("contempt") > 0.7
    assert alone("disgust") < 0.2


def test_units_without_sides_of_their_own_never_act_on_one_side() -> None:
    paired = {code for code, unit in facs.ACTION_UNITS.items() if not unit.one_sided}
    for emotion in facs.EMOTIONS:
        for items in draws(emotion, 100):
            assert all(min(item.left, item.right) > 0 for item in items if item.code in paired)


def test_irrelevant_units_are_counted_by_poisson_blinks_first_and_never_taken_ones() -> None:
    rng = np.random.default_rng(3)
    many = [facs.sample_irrelevant(rng, 1.5, taken=(4, 12)) for _ in range(2000)]
    codes = Counter(item.code for items in many for item in items)
    assert abs(np.mean([len(items) for items in many]) - 1.5) < 4 * np.sqrt(1.5 / 2000)
    assert codes.most_common(1)[0][0] == 45
    assert not codes.keys() & {4, 12}
    assert facs.sample_irrelevant(rng, 0.0) == ()


def test_equal_generators_draw_equal_expressions() -> None:
    first, second = (facs.sample_activations("fear", np.random.default_rng(5)) for _ in range(2))
    other = facs.sample_activations("fear", np.random.default_rng(6))
    assert first == second != other


@pytest.mark.parametrize(
    ("units", "emotion"),
    [
        ({12}, "happiness"),
        ({6, 12}, "happiness"),
        ({6, 12, 25}, "happiness"),
        ({1, 2}, "surprise"),
        ({1, 2, 5, 26}, "surprise"),
        ({9}, "disgust"),
        ({4, 5, 7}, "anger"),
        ({20}, "fear"),
        ({1, 2, 4}, "fear"),
        ({1, 4}, "sadness"),
        ({14}, "contempt"),
        ({17}, "repression"),
        # blinks and gaze say nothing
        ({12, 45, 61}, "happiness"),
        ({45}, None),
        (set(), None),
        # of no one emotion
        ({4, 12}, None),
        ({2, 9, 12, 15, 20}, None),
    ],
)
def test_units_name_the_emotion_whose_rule_they_fit(units: set[int], emotion: str | None) -> None:
    assert emotion_of_units(units) == emotion


def test_every_combination_names_an_emotion_that_has_it() -> None:
    for rule in facs.EMOTIONS.values():
        for _, core in rule.cores:
            named = emotion_of_units(core)
            having = {name for name, other in facs.EMOTIONS.items() if any(core == one for _, one in other.cores)}
            assert named in having - {"others"} or having == {"others"}
