from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.data.facs import ACTION_UNITS
from mer.data.facs.notation import CodedUnit as Unit
from mer.data.facs.notation import numbers, parse_aus


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
        ("4, 7", ((Unit(4),), (Unit(7),))),
        ("4+R14 or 17", ((Unit(4),), (Unit(14, "R"), Unit(17)))),
        ("7or 43", ((Unit(7), Unit(43)),)),
        ("14Aor17B", ((Unit(14, "", "A"), Unit(17, "", "B")),)),
        ("4+", ((Unit(4),),)),
        ("T23", ((Unit(23, "T"),),)),
        *((blank, ()) for blank in ("", " ", "/", "\\", "-", "none", "0")),
    ],
)
def test_codings_as_coders_write_them(text: str, coding: tuple[tuple[Unit, ...], ...]) -> None:
    assert parse_aus(text) == coding


@pytest.mark.parametrize("text", ["smile", "4++x", "L14R", "123", "12F", "4 7", "12(", "+4 or "])
def test_text_that_is_no_coding(text: str) -> None:
    with pytest.raises(ValueError, match="expected an action unit like"):
        parse_aus(text)


UNITS = st.builds(
    Unit, st.sampled_from(sorted(ACTION_UNITS)), st.sampled_from(["", "L", "R"]), st.sampled_from(["", *"ABCDE"])
)


@given(st.lists(st.lists(UNITS, min_size=1, max_size=3), max_size=5), st.sampled_from(["+", " + ", ", "]))
def test_what_is_written_is_parsed(terms: list[list[Unit]], joint: str) -> None:
    text = joint.join(" or ".join(f"{u.side}{u.number}{u.intensity}" for u in term) for term in terms)
    coding = parse_aus(text)
    assert coding == tuple(map(tuple, terms))
    assert numbers(coding) == {unit.number for term in terms for unit in term}
    assert numbers(coding, certain=True) == {term[0].number for term in terms if len(term) == 1}
