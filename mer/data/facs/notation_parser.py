"""Implement the grammar of `mer.data.facs.notation`: call `read_coding` with the text of a cell.

Contract: `read_coding` raises for no text. Brackets with several units and "or" are expanded into a conjunction of
terms: `(6+12) or 4` is (6 or 4) and (12 or 4).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

#: L and R: the person's left and right; T and B: top and bottom (lips); U and V: on one side, but it is unknown which.
SIDES = frozenset("LRTBUV")


@dataclass(frozen=True)
class CodedUnit:
    """One coded action unit.

    Attributes:
        number: number of the unit in FACS.
        side: one of `SIDES`, "" = both or not given.
        intensity: A (trace) .. E (maximum), "" = not given.
        mark: text in brackets after the unit, "" = none; in 4DME "k", with a meaning that no public page explains.
        asymmetric: whether it is stronger on one of two sides (`A12`).
        reflex: whether the coder marked it as a reflex (`ref(7B)`).
        unsure: whether the coder marked it as doubtful (`24?`).
    """

    number: int
    side: str = ""
    intensity: str = ""
    mark: str = ""
    asymmetric: bool = False
    reflex: bool = False
    unsure: bool = False


#: Conjunction of terms, each a tuple of alternatives.
Coding = tuple[tuple[CodedUnit, ...], ...]
_Terms = Sequence[Sequence[CodedUnit]]

_BLANK = frozenset({"", "/", "\\", "-", "none", "nan", "null", "na", "n/a", "#n/a", "0", "0.0", "+"})
#: Longest text to parse, which bounds the time per cell; cells of official sheets hold about 60 characters at most.
_LONGEST = 300
#: Most terms that brackets are expanded into; beyond it, all their units are alternatives of each other.
_TERMS = 64
#: Dates, into which spreadsheet programs turn `1-2-14` and `12-1`.
_DATE = re.compile(
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}.*|\d{1,4}[./]\d{1,2}[./]\d{4}.*"
    r"|(?:\d{1,2}[- ])?(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)\b([- ]\d{1,4})*",
    re.DOTALL | re.IGNORECASE,
)
#: Other ways to write the same, with their replacements: Chinese words, `AU_12`, units without a sign between them.
_REWRITTEN = (
    (re.compile(r"\s*[\u548c\u53ca\u4e0e]\s*(?=\D{0,3}\d)"), "+"),
    (re.compile(r"\s*\u6216\s*(?=\D{0,3}\d)"), " or "),
    (re.compile(r"\u5de6(?=\s*\d)|(?<=\d)\s*\u5de6"), "L"),
    (re.compile(r"\u53f3(?=\s*\d)|(?<=\d)\s*\u53f3"), "R"),
    (re.compile(r"\b(aus?|ad)[-_]+(?=\d)", re.IGNORECASE), r"\1"),
    (re.compile(r"(?<=\d[a-e])(?=\d)|(?<=\d)(?=aus?\s*\d)|(?<=\d)(?=[lr]\d+(?![\dlr]))", re.IGNORECASE), "+"),
)
_DASH = r"[-\u2010-\u2015\u2212~]"
_AND = re.compile(rf"[+,;&\n\u3001]|\b(?:and|plus|with|w/)(?![a-z])|{_DASH}(?=\s*[a-z]{{0,4}}\s*\d)", re.IGNORECASE)
_OR = re.compile(
    r"[/|\\]|(?<![a-z])or(?![a-z])|(?<=\d)or(?=[alrtbuv]?\d)|(?<=\d[a-elr])or(?![a-z])|(?<=[\d\s(])or(?=[alrtbuv]\d)"
    rf"|(?<=\d[a-elr])or(?=[alrtbuv]\d)|(?<=[a-e]){_DASH}(?=[a-e]\W*$)",
    re.IGNORECASE,
)
_AU = r"(?:(?:aus?|ad|m)\b|aus?(?=[alrtbuv]{0,2}\s*\d)|(?:ad|m)(?=\d))"
_SIDE = r"(?:left|right|top|bottom|unilateral|uni|asymm?etric(?:al)?|asym|bilateral|both)\b"
_UNSURE = r"(?:\?+|(?:possibl[ey]|poss|maybe|perhaps|probabl[ey]|prob|unsure|uncertain|unclear)\b)"
_REFLEX = r"ref(?:l|lex|lexive)?(?![a-z])"
#: Number of a unit and the words and letters allowed before it.
_HEAD = re.compile(
    rf"(?P<before>(?:(?:{_AU}|{_SIDE}|{_UNSURE}|{_REFLEX}|either\b|(?!aus?[alrtbuv]{{0,2}}\s*\d)[alrtbuv])[\s.:]*)*)"
    r"0?(?P<number>[1-9]\d?)(?:\.0+)?(?![\d.]*\d)",
    re.IGNORECASE,
)
_GLUED = re.compile(r"([lrtuv]?)([a-e]?)([lr]?)(?![^\W_])", re.IGNORECASE)
_WORD = re.compile(
    rf"\s*(?:[-=:]\s*(?=[a-e]\b))?(?:(?P<said>{_SIDE}|{_UNSURE}|{_REFLEX}|[lr]\b(?!\s*\d)|[a-e]\b(?!\s*\d))\.?|\((?P<inside>[^()]*)\))",
    re.I,
)
_LETTERS = {"left": "L", "right": "R", "top": "T", "bottom": "B", "unilateral": "U", "uni": "U", "bilateral": ""}


@lru_cache(maxsize=4096)
def read_coding(text: str) -> tuple[Coding, tuple[str, ...]]:
    """Return the terms in a cell and, in order, the parts that are not units."""
    plain = unicodedata.normalize("NFKC", text).translate(str.maketrans("[]{}", "()()")).strip()
    plain = _closed(plain.strip("'\"\u2018\u2019\u201c\u201d\u2032 "))
    if plain.casefold().strip("? ").strip("-\u2010\u2011\u2012\u2013\u2014\u2015\u2212") in _BLANK:
        return (), ()
    if _DATE.fullmatch(plain) or len(plain) > _LONGEST:
        return (), (plain,)
    for other, usual in _REWRITTEN:
        plain = other.sub(usual, plain)
    terms, unread = _conjunction(plain)
    return tuple(map(tuple, terms)), tuple(unread)


def _split(text: str, at: re.Pattern[str]) -> list[str]:
    """Split a text at the matches outside brackets; return the parts, trimmed, without empty ones."""
    parts, depth, start = [], 0, 0
    found = iter(at.finditer(text))
    match = next(found, None)
    for place, letter in enumerate(text):
        while match is not None and match.start() < place:
            match = next(found, None)
        if match is not None and match.start() == place and depth == 0:
            parts.append(text[start:place])
            start = match.end()
        depth = max(0, depth + (letter == "(") - (letter == ")"))
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def _conjunction(text: str) -> tuple[_Terms, list[str]]:
    terms: list[Sequence[CodedUnit]] = []
    unread: list[str] = []
    for part in _split(text, _AND):
        inside, rest = _alternatives(part)
        terms += inside
        unread += rest
    return terms, unread


def _alternatives(text: str) -> tuple[_Terms, list[str]]:
    """Return the terms of a part with alternatives joined by "or" or a slash."""
    ways: list[_Terms] = []
    unread: list[str] = []
    sides: list[str] = []
    for word in _split(text, _OR):
        if re.fullmatch(r"[lrtbuva]", word, re.IGNORECASE) and not ways:
            sides.append(word)  # A/L12: the number comes with the last one
            continue
        if ways and (same := _same_unit(ways[-1], word)):
            ways.append(same)  # 10A/B: the number came with the first one
            continue
        number = re.sub(r"^[lrtbuva](?=\s*\d)", "", word, flags=re.IGNORECASE)
        for each in (*(f"{side}{number}" for side in sides), word):
            terms, rest = _part(each)
            unread += [one for one in rest if one not in unread]
            ways += [terms] if terms else []
        sides = []
    unread += sides
    if (
        unread and len(ways) + len(unread) > 1 and len(_split(text, _OR)) > 1
    ):  # "14 or something": whether 14 is not said
        ways = [[[replace(unit, unsure=True) for unit in term] for term in way] for way in ways]
    return _written_out(ways), unread


def _same_unit(terms: _Terms, word: str) -> _Terms:
    """Return the last unit of `terms` with the intensity or side in `word`; () if `word` is something else."""
    unit = terms[-1][-1]
    match = re.fullmatch(r"(?:([a-e])|([lr]|left|right))(\s*\?)?", word, re.IGNORECASE)
    if match is None or (match.group(1) and not unit.intensity) or (match.group(2) and not unit.side):
        return ()
    if match.group(1):
        return [[replace(unit, intensity=match.group(1).upper(), unsure=unit.unsure or bool(match.group(3)))]]
    return [[replace(unit, side=match.group(2)[0].upper())]]


def _written_out(ways: Sequence[_Terms]) -> _Terms:
    """Return alternatives of conjunctions, expanded into one conjunction."""
    if len(ways) < 2:
        return ways[0] if ways else []
    size = 1
    for way in ways:
        size *= len(way)
    if size > _TERMS:
        return [[unit for way in ways for term in way for unit in term]]
    return [[unit for term in terms for unit in term] for terms in product(*ways)]


def _part(text: str) -> tuple[_Terms, list[str]]:
    """Return the terms of a text without "+" and "or" outside brackets: one bracket, or units with their marks."""
    whole = re.fullmatch(
        rf"(?P<before>(?:(?:{_REFLEX}|{_UNSURE}|[alr](?=\s*\())[\s.:]*)*)\((?P<inside>.*)\)(?P<rest>[^()]*)",
        text,
        re.I | re.S,
    )
    if whole and _balanced(whole["inside"]):
        if re.fullmatch(r"[lrtbuva/|\s]+", whole["inside"], re.I) and re.match(r"\s*\d", whole["rest"]):
            return _alternatives(f"{whole['inside']}{whole['rest']}")  # (L/R)12
        inside, unread = _conjunction(whole["inside"])
        said = _said(whole["before"]) | _said(whole["rest"])
        left = re.sub(rf"{_REFLEX}|{_UNSURE}|{_SIDE}|[\s.]", "", whole["rest"], flags=re.I)
        return [[replace(unit, **said) for unit in term] for term in inside], unread + ([left] if left else [])
    if re.fullmatch(rf"(?:{_UNSURE}\s*)+", text, re.IGNORECASE):
        return [], []  # some unit that the coder could not tell
    terms: list[Sequence[CodedUnit]] = []
    place = 0
    while place < len(text) and (head := _HEAD.match(text, place)):
        glued = _GLUED.match(text, head.end())
        unit = CodedUnit(int(head["number"]), **_said(head["before"]))
        sides = unit.side + (glued.group(1) + glued.group(3)).upper() if glued else "LR"
        if glued is None or len(sides) > 1:
            break
        unit = replace(unit, side=sides, intensity=glued.group(2).upper())
        term, place, rest = _behind(unit, text, glued.end())
        terms.append(term)
        if rest:
            return terms, [rest]
    return (terms, []) if place >= len(text) else (terms, [text[place:].strip()])


def _closed(text: str) -> str:
    """Return the text with balanced brackets: missing closing ones added, surplus closing ones removed."""
    kept, depth = "", 0
    for letter in text:
        if letter == ")" and depth == 0:
            continue
        depth += (letter == "(") - (letter == ")")
        kept += letter
    return kept + ")" * depth


def _balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0


def _behind(unit: CodedUnit, text: str, place: int) -> tuple[list[CodedUnit], int, str]:
    """Return the unit with the marks after its number, from `place` on, the end of these, and unread text."""
    units = [unit]
    while match := _WORD.match(text, place):
        place = match.end()
        inside = (match["inside"] or "").strip()
        if match["said"] is not None:
            units = [_with(one, match["said"]) for one in units]
        elif other := re.match(r"or\b\s*|[/|]\s*", inside, re.IGNORECASE):
            terms, unread = _alternatives(inside[other.end() :])
            units += [one for term in terms for one in term]
            if unread:
                units = [replace(one, unsure=True) for one in units]
        elif _WORD.fullmatch(words := " ".join(re.split(r"\s*(?:/|\||,|\bor\b|-)\s*|\s+", inside))) or all(
            map(_WORD.fullmatch, words.split())
        ):
            units = [_with(one, word) for one in units for word in words.split() or [""]]
        else:
            units = [replace(one, mark=inside.casefold()) for one in units]
    rest = text[place:]
    place += len(rest) - len(rest.lstrip(" \t"))
    return units, place, "" if not rest.strip(" .?") or _HEAD.match(text, place) else rest.strip(" .-\u2013")


def _with(unit: CodedUnit, word: str) -> CodedUnit:
    """Return the unit with one word after it applied: an intensity, a side or a doubt."""
    if re.fullmatch(r"[a-e]", word, re.IGNORECASE):
        return replace(unit, intensity=word.upper())
    return replace(unit, **_said(word))


def _said(text: str) -> dict[str, Any]:
    """Return the fields of a unit set by the words and letters before or after it."""
    fields: dict[str, Any] = {}
    side = ""
    for match in re.finditer(rf"({_UNSURE})|({_REFLEX})|({_SIDE})|(aus?|ad|m|either)|([lrtbuva])", text, re.IGNORECASE):
        unsure, reflex, word, _, letter = match.groups()
        if unsure:
            fields["unsure"] = True
        elif reflex:
            fields["reflex"] = True
        elif (word and word.casefold().startswith("asym")) or letter in ("A", "a"):
            fields["asymmetric"] = True
        elif word or letter:
            side += _LETTERS.get(word.casefold(), "") if word else letter.upper()
    return {**fields, "side": side} if side else fields
