from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.data.facs import ACTION_UNITS
from mer.data.facs.notation import CodedUnit as Unit
from mer.data.facs.notation import numbers, parse_aus, unread_parts


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        ("R14A or 17A", ((Unit(14, "R", "A"), Unit(17, "", "A")),)),
        ("4+L10", ((Unit(4),), (Unit(10, "L"),))),
        ("12(k)", ((Unit(12, mark="k"),),)),
        ("AU4+AU12(K)", ((Unit(4),), (Unit(12, mark="k"),))),
        ("12", ((Unit(12),),)),
        ("L12B + r15", ((Unit(12, "L", "B"),), (Unit(15, "R"),))),
        ("AUL14", ((Unit(14, "L"),),)),
        ("AU14L", ((Unit(14, "L"),),)),
        ("RAU14", ((Unit(14, "R"),),)),
        ("4, 7", ((Unit(4),), (Unit(7),))),
        ("4+R14 or 17", ((Unit(4),), (Unit(14, "R"), Unit(17)))),
        ("7or 43", ((Unit(7), Unit(43)),)),
        ("14Aor17B", ((Unit(14, "", "A"), Unit(17, "", "B")),)),
        ("L12orR14", ((Unit(12, "L"), Unit(14, "R")),)),
        ("4+", ((Unit(4),),)),
        ("T23", ((Unit(23, "T"),),)),
        *((blank, ()) for blank in ("", " ", "/", "\\", "-", "none", "0", "?", "??", "—", "nan")),
    ],
)
def test_codings_as_coders_write_them(text: str, coding: tuple[tuple[Unit, ...], ...]) -> None:
    assert parse_aus(text) == coding and unread_parts(text) == ()


A12 = Unit(12, asymmetric=True)


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        # asymmetry, as the notes of SAMM's sheet define it
        ("A12", ((A12,),)),
        ("A9E", ((Unit(9, "", "E", asymmetric=True),),)),
        ("12+A7", ((Unit(12),), (Unit(7, asymmetric=True),))),
        ("7C+A12B", ((Unit(7, "", "C"),), (Unit(12, "", "B", asymmetric=True),))),
        ("A/L12", ((A12, Unit(12, "L")),)),
        ("AL12", ((Unit(12, "L", asymmetric=True),),)),
        ("asymmetric 12", ((A12,),)),
        # alternatives
        ("10A/B", ((Unit(10, "", "A"), Unit(10, "", "B")),)),
        ("12A-B", ((Unit(12, "", "A"), Unit(12, "", "B")),)),
        ("R12C/D", ((Unit(12, "R", "C"), Unit(12, "R", "D")),)),
        ("4(B/C)+7B", ((Unit(4, "", "B"), Unit(4, "", "C")), (Unit(7, "", "B"),))),
        ("(R6 or R12)+R15", ((Unit(6, "R"), Unit(12, "R")), (Unit(15, "R"),))),
        ("10 (OR 9)", ((Unit(10), Unit(9)),)),
        ("either 4 or 7", ((Unit(4), Unit(7)),)),
        ("L/R12", ((Unit(12, "L"), Unit(12, "R")),)),
        ("(L/R)12", ((Unit(12, "L"), Unit(12, "R")),)),
        ("12L/R", ((Unit(12, "L"), Unit(12, "R")),)),
        ("(6+12) or 4", ((Unit(6), Unit(4)), (Unit(12), Unit(4)))),
        # reflexes and doubts
        ("ref(7B)+43", ((Unit(7, "", "B", reflex=True),), (Unit(43),))),
        ("reflex 7", ((Unit(7, reflex=True),),)),
        ("7B (reflex)", ((Unit(7, "", "B", reflex=True),),)),
        *((text, ((Unit(24, unsure=True),),)) for text in ("24?", "?24", "(24)?", "(24?)", "24 possibly", "maybe 24")),
        ("4+?", ((Unit(4),),)),
        # sides
        *((text, ((Unit(12, "U"),),)) for text in ("U12", "12U", "unilateral 12", "12 unilateral")),
        *((text, ((Unit(14, "R"),),)) for text in ("14R", "14 (right)", "right 14", "14 right", "R 14")),
        ("12LB", ((Unit(12, "L", "B"),),)),
        ("12(B)", ((Unit(12, "", "B"),),)),
        # separators, widths, brackets, numbers as a spreadsheet stores them
        *(
            (text, ((Unit(4),), (Unit(7),)))
            for text in ("4，7", "４＋７", "4、7", "4;7", "4&7", "4 and 7", "4-7", "4–7", "4 7", "AU4 AU7", "AU 4, AU7")
        ),
        *(
            (text, ((Unit(4),), (Unit(7),)))
            for text in ("4\n7", "[4]+{7}", "(4+7", "4+7)", "04+07.0", "4.0+7", "AD4+M7")
        ),
        ("4/7", ((Unit(4), Unit(7)),)),
        *(
            (text, ((Unit(4),), (Unit(7),)))
            for text in ("AU-4+AU_7", "AU4AU7", "4 w/7", "'4+7", '"4,7"', "\u20184+7\u2019")
        ),
        # Chinese words, and units with nothing between them
        ("\u5de612", ((Unit(12, "L"),),)),
        ("4\u548c12\u53f3", ((Unit(4),), (Unit(12, "R"),))),
        ("4 \u6216 7", ((Unit(4), Unit(7)),)),
        ("1A2B", ((Unit(1, "", "A"),), (Unit(2, "", "B"),))),
        ("R12L12", ((Unit(12, "R"),), (Unit(12, "L"),))),
        # intensities behind a sign
        *((text, ((Unit(12, "", "B"),),)) for text in ("12=B", "AU12:B", "12 -B")),
        ("#N/A", ()),
    ],
)
def test_notation_of_real_sheets(text: str, coding: tuple[tuple[Unit, ...], ...]) -> None:
    assert parse_aus(text) == coding and unread_parts(text) == ()


@pytest.mark.parametrize(
    ("text", "known", "rest"),
    [
        ("smile", set(), ("smile",)),
        ("4++x", {4}, ("x",)),
        ("R14+17+soft focus", {14, 17}, ("soft focus",)),
        ("R14+17 soft focus", {14, 17}, ("soft focus",)),
        ("4+glare", {4}, ("glare",)),
        ("1+2+12F", {1, 2}, ("12F",)),
        ("L14R+4", {4}, ("L14R",)),
        ("123", set(), ("123",)),
        ("10.5", set(), ("10.5",)),
        ("2024-04-07 00:00:00", set(), ("2024-04-07 00:00:00",)),
        ("2014/4/7", set(), ("2014/4/7",)),
        ("12-Jan", set(), ("12-Jan",)),
        ("see frame 12", set(), ("see frame 12",)),
        ("head down", set(), ("head down",)),
    ],
)
def test_what_is_no_unit_is_kept_as_text(text: str, known: set[int], rest: tuple[str, ...]) -> None:
    assert numbers(parse_aus(text)) == known and unread_parts(text) == rest


def test_only_certain_units_are_certain() -> None:
    assert numbers(parse_aus("4(B/C)+24?+7 or 9+ref(43)"), certain=True) == {4, 43}
    assert numbers(parse_aus("14 or something+2"), certain=True) == {2}


UNITS = st.builds(
    Unit, st.sampled_from(sorted(ACTION_UNITS)), st.sampled_from(["", "L", "R"]), st.sampled_from(["", *"ABCDE"])
)


@given(st.lists(st.lists(UNITS, min_size=1, max_size=3), max_size=5), st.sampled_from(["+", " + ", ", ", "，"]))
def test_what_is_written_is_parsed(terms: list[list[Unit]], joint: str) -> None:
    text = joint.join(" or ".join(f"{u.side}{u.number}{u.intensity}" for u in term) for term in terms)
    coding = parse_aus(text)
    assert coding == tuple(map(tuple, terms)) and not unread_parts(text)
    assert numbers(coding) == {unit.number for term in terms for unit in term}
    assert numbers(coding, certain=True) == {t[0].number for t in terms if len({unit.number for unit in t}) == 1}


@given(st.text(alphabet="0123456789ABLRU+or/()?, andefsxyz.-，４", max_size=60) | st.text(max_size=400))
def test_no_text_raises(text: str) -> None:
    assert all(1 <= number <= 99 for number in numbers(parse_aus(text)))
    assert all(isinstance(part, str) and part for part in unread_parts(text))


@pytest.mark.parametrize("make", [lambda n: "(" * n, lambda n: "(4+7)or" * n, lambda n: "A/" * n, lambda n: "4 " * n])
def test_hostile_texts_end_at_once(make: Callable[[int], str]) -> None:
    began = time.perf_counter()
    for size in (40, 150, 100_000):
        parse_aus(make(size))
    assert time.perf_counter() - began < 2
