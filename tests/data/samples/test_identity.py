from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.data.samples import identity


@pytest.mark.parametrize(
    "spellings",
    [
        ("1", "01", "1.0", "001.00", " 1 ", "１", "1.", "١"),
        ("S01", "s1", "s001", "S 1", "s\u200b1", "\ufeffs1", "ｓ１", "s\u00a01", "s\t1"),
        ("é1", "e\u0301 1", "É1"),
        ("p_0", "p-0", "p—0", "P__0"),
        ("straße", "STRASSE"),
        ("Иван", "иван", "ИВАН "),
        ("王五", "王 五", "王\u200d五"),
        ("Å", "Å", "A\u030a"),
    ],
)
def test_spellings_of_one_person(spellings: tuple[str, ...]) -> None:
    assert len({identity.person_key(one) for one in spellings}) == 1


@pytest.mark.parametrize(
    "people",
    [
        ("甲某", "乙某", "丙某", "丁某"),
        ("Иван", "Анна"),
        ("é", "e", "è"),
        ("1", "10", "2"),
        ("s1", "t1"),
        ("p1", "p-1"),
        ("2.1", "21", "2.10x"),
        ("★", "☆"),
        ("👩", "👨"),
        ("!", "?"),
        ("कि", "कु"),
        ("1.5", "15"),
    ],
)
def test_different_people_stay_different(people: tuple[str, ...]) -> None:
    assert len({identity.person_key(one) for one in people}) == len(people)


@given(st.text(max_size=12))
def test_the_key_of_a_key_and_of_every_normal_form_is_the_key(text: str) -> None:
    key = identity.person_key(text)
    assert identity.person_key(key) == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert identity.person_key(unicodedata.normalize(form, text)) == key


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (
            "casme2",
            ("casme2", "CASME II", "CASME2", "casme-ii", "CASME_2", "CASMEII", "CASMEⅡ", " Casme 2 ", "CASME\u200b2"),
        ),
        (
            "casme_sq",
            (
                "CAS(ME)^2",
                "cas(me)2",
                "CASME_sq",
                "casme_sq",
                "CAS(ME)²",
                "CASMEsq",
                "CASME squared",
                "CAS（ME）^2",
                "CAS_ME_2",
                "CAS(ME)ˆ2",
            ),
        ),
        ("casme3", ("CAS(ME)^3", "casme3", "CAS(ME)3", "CASME III")),
        ("samm", ("SAMM", "samm ", "Samm")),
        ("smic", ("smic", "SMIC-HS", "SMIC_HS", "SMIC")),
        ("smic_e", ("SMIC-E", "smic_e", "SMIC-HS-E", "SMIC-E-HS", "SMIC_VIS_E")),
        ("fourdme", ("4DME", "fourdme")),
        ("casme", ("CASME", "casme")),
        ("меня", ("Меня", "МЕНЯ")),
    ],
)
def test_names_of_data_sets(key: str, names: tuple[str, ...]) -> None:
    assert {identity.dataset_key(name) for name in names} == {key}


def test_data_sets_of_the_same_people() -> None:
    assert {identity.people_of(name) for name in ("SAMM", "SAMM Long Videos", "SAMM_LV")} == {"samm"}
    assert identity.people_of("SMIC-E-HS") == identity.people_of("SMIC")


def test_control_characters_are_found() -> None:
    assert identity.control_characters("a\x00b\nc\ud800") == "\\x00\\n\\ud800"
    assert identity.control_characters("Åsa 甲-1") == ""
