"""Derive the objective class I..VII of a clip from its action units: call `objective_class`.

Contract: the published table, which lists whole combinations; any other combination is VII, "others". Source: Davison,
Merghani, Yap, Objective classes for micro-facial expression recognition, J. Imaging 4(10):119, 2018 (arXiv:1708.07549),
table of action units by class.
"""

from __future__ import annotations

from collections.abc import Iterable

#: Combinations of units by class; all others are of class VII.
COMBINATIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "I": ((6,), (12,), (6, 12), (6, 7, 12), (7, 12)),
    "II": ((1, 2), (5,), (25,), (1, 2, 25), (25, 26), (5, 24)),
    "III": ((23,), (4,), (4, 7), (4, 5), (4, 5, 7), (17, 24), (4, 6, 7), (4, 38)),
    "IV": ((10,), (9,), (4, 9), (4, 40), (4, 5, 40), (4, 7, 9), (4, 9, 17), (4, 7, 10), (4, 5, 7, 9), (7, 10)),
    "V": ((1,), (15,), (1, 4), (6, 15), (15, 17)),
    "VI": ((1, 2, 4), (20,)),
}
OTHERS = "VII"

_CLASS_OF = {frozenset(units): name for name, sets in COMBINATIONS.items() for units in sets}


def objective_class(units: Iterable[int]) -> str:
    """Return the class I..VII of a set of unit numbers; no unit at all is VII too."""
    return _CLASS_OF.get(frozenset(units), OTHERS)
