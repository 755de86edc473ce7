"""Compare names of people, data sets and clips: call `person_key`, `dataset_key` or `clip_keys`.

Programs, keyboards and spreadsheets spell one name in several ways. All spellings of a name have the same key.
Contract: pure functions of text. Ids are never changed, only compared by their keys. Letters of every script count.
Case, character width, the form of accents, blanks and invisible characters do not count.
"""

from __future__ import annotations

import re
import unicodedata

#: Other names of data sets, by the letters and digits of the name. CAS(ME)^2 must not become CASME II.
_ALIASES = {
    **dict.fromkeys(("casmesq", "casmesquared", "casmesquare"), "casme_sq"),
    **dict.fromkeys(("smice", *(f"smic{word}" for c in ("hs", "vis", "nir") for word in (f"{c}e", f"e{c}"))), "smic_e"),
    **dict.fromkeys(("smichs", "smicvis", "smicnir"), "smic"),
    "4dme": "fourdme",
    "ckplus": "ck_plus",
    "ck+": "ck_plus",
    "rafdb": "raf_db",
    "oulucasia": "oulu_casia",
}
#: Data sets with the same people under the same numbers: SMIC-E is SMIC with more frames per clip.
_SAME_PEOPLE = {"smic_e": "smic", **dict.fromkeys(("sammlongvideos", "sammlong", "sammlv"), "samm")}


def text_key(text: str) -> str:
    """Return a text casefolded, in one normal form, without blanks, control and format characters: `É 1` -> `é1`."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFKC", "".join(letter for letter in folded if not _invisible(letter)))


def person_key(subject: str) -> str:
    """Return one text for all spellings of a person's id: `S01`, `s1` and `s 001`; `1`, `01` and `1.0`.

    Letters, digits and symbols of every script are kept. All punctuation counts as `-`, and a run of it as one `-`.
    """
    key = text_key(subject)
    if re.fullmatch(r"\d+\.0*", key):
        key = key.partition(".")[0]
    key = re.sub(r"\d+", lambda digits: str(int(digits.group())), key)
    plain = re.sub(r"-+", "-", "".join("-" if unicodedata.category(letter)[0] == "P" else letter for letter in key))
    return plain if plain.strip("-") else key


def dataset_key(name: str) -> str:
    """Return one text for all spellings of a data set's name: `CASME II`, `casme2` and `CASME-2`, not `CAS(ME)^2`.

    Known sets have the key of their card: `casme2`, `casme_sq`, `smic_e`.
    """
    raised = text_key(re.sub("\u00b2", "^2", name))
    if re.search(r"cas[\W_]+me[\W_\u02c6]*2(?!\d)|casme[\^\u02c6]2?$", raised):
        return "casme_sq"
    key = re.sub(r"(?<=casme)[-_ ]*(iii|ii)(?![a-z])", lambda match: str(len(match.group(1))), text_key(name))
    plain = "".join(letter for letter in key if unicodedata.category(letter)[0] in "LMN" or letter == "+")
    return _ALIASES.get(plain, plain if plain else key)


def people_of(dataset: str) -> str:
    """Return the key of the data set with the same people: `smic` for SMIC-E, else the set's own key."""
    key = dataset_key(dataset)
    return _SAME_PEOPLE.get(key, key)


def number_key(subject: str) -> str:
    """Return the number of a person whose id is letters and one number (`sub01` -> `1`), else `person_key`."""
    key = person_key(subject)
    match = re.fullmatch(r"\D*?(\d+)", key)
    return match.group(1) if match else key


def clip_keys(clip: str) -> tuple[str, str]:
    """Return two keys of a clip: its name as it is (after `=`) and without padding zeros. CASME II has both forms."""
    name = text_key(clip)
    return f"={name}", re.sub(r"(?<!\d)0+(?=\d)", "", name)


def control_characters(text: str) -> str:
    """Return an id's control characters and bytes that are not text, as escapes; "" if it has none."""
    return "".join(repr(letter)[1:-1] for letter in text if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp"))


def _invisible(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cf", "Cc", "Zs", "Zl", "Zp") or "\ufe00" <= letter <= "\ufe0f"
