"""Parse action units in coders' notation (`R14A or 17A`, `4(B/C)+7B`, `ref(7B)+43`, `24?`): call `parse_aus`.

`unread_parts` returns the parts that are not units. Contract: a coding is a conjunction of terms; a term is one unit or
several alternatives. "or", with or without blanks (`7or 43`), joins only the two units next to it: `4+R14 or 17` is 4
and (R14 or 17). No text raises; a part that is not a unit (`soft focus`) stays text. Source of the notation: Ekman,
Friesen, Hager, Facial Action Coding System, 2002 (sides, intensities A..E), and the notes above the table in SAMM's
sheet (A before a unit: asymmetric).
"""

from __future__ import annotations

from mer.data.facs.notation_parser import SIDES, CodedUnit, Coding, read_coding

__all__ = ["SIDES", "CodedUnit", "Coding", "numbers", "parse_aus", "unread_parts"]


def parse_aus(text: str) -> Coding:
    """Return the coding in a cell: `R14A or 17A` -> ((R14A, 17A),), `4+L10` -> ((4,), (L10,)), blank or `?` -> ()."""
    return read_coding(text)[0]


def unread_parts(text: str) -> tuple[str, ...]:
    """Return the parts of a cell that are not action units, as written: `R14+17+soft focus` -> ("soft focus",)."""
    return read_coding(text)[1]


def numbers(coding: Coding, *, certain: bool = False) -> frozenset[int]:
    """Return the unit numbers of a coding; `certain` leaves out doubtful units and terms with several numbers."""
    return frozenset(
        unit.number
        for term in coding
        if not certain or (len({unit.number for unit in term}) == 1 and not any(unit.unsure for unit in term))
        for unit in term
    )
