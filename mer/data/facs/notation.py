"""Action units as coders write them: `R14A or 17A`, `4+L10`, `12(k)`, `AU6`; text in, typed units out.

Contract: a coding is a conjunction of terms, each of one unit or of alternatives; "or", with blanks about it or without
(`7or 43`), joins the units beside it only, so that `4+R14 or 17` is 4 and (R14 or 17). Text that is no coding is a
ValueError that quotes the part.
Source of the notation: Ekman, Friesen, Hager, Facial Action Coding System, 2002 (sides, intensities A..E).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: L and R: the person's left and right; T and B: top and bottom (lips); U and V: on one side, which one is not said.
SIDES = frozenset("LRTBUV")
_UNIT = re.compile(
    r"([LRTBUV]?)\s*(?:AU)?\s*([LRTBUV]?)\s*(\d{1,2})\s*([LR]?)\s*([A-E]?)\s*(?:\((\w+)\))?", re.IGNORECASE
)
_BLANK = frozenset({"", "/", "\\", "-", "none", "nan", "n/a", "0"})


@dataclass(frozen=True)
class CodedUnit:
    """One coded action unit.

    Attributes:
        number: of the unit in FACS.
        side: one of `SIDES`, "" = both or not said.
        intensity: A (trace) .. E (maximum), "" = not said.
        mark: what stands in brackets behind it, "" = none; "k" in 4DME, whose meaning no public page gives.
    """

    number: int
    side: str = ""
    intensity: str = ""
    mark: str = ""


#: Terms that hold together, each a tuple of alternatives.
Coding = tuple[tuple[CodedUnit, ...], ...]


def parse_aus(text: str) -> Coding:
    """The coding in a cell: `R14A or 17A` -> ((R14A, 17A),), `4+L10` -> ((4,), (L10,)), blank -> ().

    Raises:
        ValueError: a part is no action unit.
    """
    if text.strip().casefold() in _BLANK:
        return ()
    terms = [part for part in re.split(r"[+,;&]", text) if part.strip()]
    return tuple(tuple(_unit(word) for word in re.split(r"or|/|\|", term, flags=re.IGNORECASE)) for term in terms)


def numbers(coding: Coding, *, certain: bool = False) -> frozenset[int]:
    """Numbers of the units of a coding; `certain` leaves out those that stand as one of several alternatives."""
    return frozenset(unit.number for term in coding if not certain or len(term) == 1 for unit in term)


def _unit(word: str) -> CodedUnit:
    match = _UNIT.fullmatch(word.strip())
    sides = [side.upper() for side in (match.group(1), match.group(2), match.group(4)) if side] if match else []
    if match is None or len(sides) > 1 or int(match.group(3)) == 0:
        raise ValueError(f"expected an action unit like 12, L14, R14A or 12(k), got {word.strip()!r}")
    return CodedUnit(int(match.group(3)), "".join(sides), match.group(5).upper(), (match.group(6) or "").casefold())
