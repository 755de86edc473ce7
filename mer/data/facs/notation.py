"""Action units as coders write them: `R14A or 17A`, `4(B/C)+7B`, `ref(7B)+43`, `24?`; text in, typed units out.

Call `parse_aus` for the units and `unread_parts` for the rest of the text. Contract: a coding is a conjunction of
terms, each of one unit or of alternatives; "or", with blanks about it or without (`7or 43`), joins the units beside it
only, so that `4+R14 or 17` is 4 and (R14 or 17). No text raises: a part that is no unit (`soft focus`) is kept as text.
Source of the notation: Ekman, Friesen, Hager, Facial Action Coding System, 2002 (sides, intensities A..E), and the
notes above the table of SAMM's sheet (A before a unit: asymmetric).
"""

from __future__ import annotations

from mer.data.facs.notation_parser import SIDES, CodedUnit, Coding, read_coding

__all__ = ["SIDES", "CodedUnit", "Coding", "numbers", "parse_aus", "unread_parts"]


def parse_aus(text: str) -> Coding:
    """Return the coding in a cell: `R14A or 17A` -> ((R14A, 17A),), `4+L10` -> ((4,), (L10,)), blank or `?` -> ()."""
    return read_coding(text)[0]


def unread_parts(text: str) -> tuple[str, ...]:
    """Return the parts of a cell that are no action unit, as written: `R14+17+soft focus` -> ("soft focus",)."""
    return read_coding(text)[1]


def numbers(coding: Coding, *, certain: bool = False) -> frozenset[int]:
    """Return the numbers of a coding's units; `certain` leaves out doubtful units and alternatives of other numbers."""
    return frozenset(
        unit.number
        for term in coding
        if not certain or (len({unit.number for unit in term}) == 1 and not any(unit.unsure for unit in term))
        for unit in term
    )
