"""Turn written codes into targets of single action units: call `unit_targets`, and `unit_sides` for the side.

Contract: one rule for every source. A unit is present (1) where one term of the coding names it without doubt,
whatever its side or intensity, also as a reflex: the skin moved. It is not known (-1) where it stands only as one of
several alternatives (`6 or 7`) or with a doubt (`24?`), and in a clip without any code. Else it is absent (0), since a
coder who wrote the others would have written it. Alternatives of one unit (`R12 or L12`, `4B/C`) are no doubt of it.
Drawn clips are coded by their drawing, so a blank code there means that nothing moved: all units are absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from mer.data.facs.notation import numbers, parse_aus

#: The 12 units of CD6ME, the cross-data-set benchmark (Varanka, Li, Peng, Zhao, Data leakage and evaluation issues in
#: micro-expression analysis, IEEE Transactions on Affective Computing 2023, arXiv:2211.11425).
CD6ME = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)
PRESENT, ABSENT, UNKNOWN = 1, 0, -1
#: Values of `unit_sides`.
NONE, BOTH, LEFT, RIGHT, ONE = "", "both", "left", "right", "one"

_SIDES = {"L": LEFT, "R": RIGHT, "U": ONE, "V": ONE}


def unit_name(unit: int) -> str:
    """Return the name of a unit in columns and tables: 12 -> `AU12`."""
    return f"AU{unit}"


def unit_targets(texts: Iterable[str], units: Sequence[int], *, drawn: bool = False) -> np.ndarray:
    """Return whether each clip shows each unit: int8 (N, K), 1 present, 0 absent, -1 not known.

    Args:
        texts: the code of each clip, as its sheet has it.
        units: numbers of K units.
        drawn: whether the clips are drawn, so that a blank code means no unit.
    """
    place = {unit: k for k, unit in enumerate(units)}
    rows = [_row(text, place, drawn=drawn) for text in texts]
    return np.array(rows, dtype=np.int8).reshape(len(rows), len(place))


def _row(text: str, place: dict[int, int], *, drawn: bool) -> np.ndarray:
    coding = parse_aus(text)
    row = np.full(len(place), ABSENT if coding or drawn else UNKNOWN, dtype=np.int8)
    for value, found in ((UNKNOWN, numbers(coding)), (PRESENT, numbers(coding, certain=True))):
        row[[place[unit] for unit in found if unit in place]] = value
    return row


def unit_sides(texts: Iterable[str], units: Sequence[int]) -> np.ndarray:
    """Return the side on which each clip shows each unit: text (N, K), one of the constants above.

    "" where the unit is not surely present; `both` also where no side is written; `one` where the coder wrote that only
    one side moves without saying which, or left both open (`R12 or L12`).
    """
    place = {unit: k for k, unit in enumerate(units)}
    rows = []
    for text in texts:
        coding, row = parse_aus(text), [NONE] * len(place)
        for unit in numbers(coding, certain=True) & place.keys():
            said = {_SIDES.get(one.side, BOTH) for term in coding for one in term if one.number == unit}
            row[place[unit]] = BOTH if BOTH in said else said.pop() if len(said) == 1 else _together(coding, unit)
        rows.append(row)
    return np.array(rows, dtype=object).reshape(len(rows), len(place))


def _together(coding: Sequence[Sequence[object]], unit: int) -> str:
    """Return the side of a unit that is coded on two: `L12+R12` moves both, `L12 or R12` one of them."""
    terms = sum(any(getattr(one, "number", None) == unit for one in term) for term in coding)
    return BOTH if terms > 1 else ONE
