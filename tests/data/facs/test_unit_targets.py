"""Targets of units from written codes: one rule for unions, alternatives, doubts, sides and blanks."""

from __future__ import annotations

import numpy as np
import pytest

from mer.data.facs.objective_classes import COMBINATIONS, objective_class
from mer.data.facs.unit_targets import CD6ME, unit_sides, unit_targets

UNITS = (4, 6, 7, 12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4+7", [1, 0, 1, 0]),
        ("4C+R12A", [1, 0, 0, 1]),
        ("6 or 7", [0, -1, -1, 0]),
        ("4+(6 or 12)", [1, -1, 0, -1]),
        ("7+(6 or 7)", [0, -1, 1, 0]),  # seven stands for itself too
        ("4?", [-1, 0, 0, 0]),
        ("4(B/C)+7B", [1, 0, 1, 0]),  # two intensities of one unit
        ("R12 or L12", [0, 0, 0, 1]),  # two sides of one unit
        ("ref(7B)+43", [0, 0, 1, 0]),  # a reflex moves the skin too
        ("A12", [0, 0, 0, 1]),
        ("4+glare", [1, 0, 0, 0]),
        ("15+17", [0, 0, 0, 0]),
        ("", [-1, -1, -1, -1]),
        ("?", [-1, -1, -1, -1]),
        ("/", [-1, -1, -1, -1]),
    ],
)
def test_one_rule_decides_what_a_code_says_of_a_unit(text: str, expected: list[int]) -> None:
    assert unit_targets([text], UNITS).tolist() == [expected]


def test_a_blank_code_of_a_drawing_means_that_nothing_moved() -> None:
    assert unit_targets(["", "12"], UNITS, drawn=True).tolist() == [[0, 0, 0, 0], [0, 0, 0, 1]]


def test_the_order_of_units_is_that_which_was_asked_for() -> None:
    texts = ["4+7", "6 or 7", "12"]
    assert np.array_equal(unit_targets(texts, UNITS[::-1]), unit_targets(texts, UNITS)[:, ::-1])
    assert unit_targets([], UNITS).shape == (0, 4)
    assert len(set(CD6ME)) == 12


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("12", "both"),
        ("R12", "right"),
        ("L12+4", "left"),
        ("U12", "one"),
        ("R12 or L12", "one"),
        ("R12+L12", "both"),
        ("R12 or 17", ""),
        ("4", ""),
        ("", ""),
    ],
)
def test_the_side_of_a_unit_stays(text: str, side: str) -> None:
    assert unit_sides([text], (12,)).tolist() == [[side]]


def test_objective_classes_are_those_of_the_published_table() -> None:
    assert [objective_class(units) for units in ([12, 6], [2, 1], [4, 7], [9], [15], [1, 2, 4], [14], [])] == [
        *("I", "II", "III", "IV", "V", "VI", "VII", "VII")
    ]
    sets = [frozenset(units) for one in COMBINATIONS.values() for units in one]
    assert len(sets) == len(set(sets)) == 36  # no combination is of two classes
