"""Who in another source's samples is tested: by id, by sample, by picture, and by one clip for all."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.data.samples.schema import COLUMNS
from mer.data.samples.table import SampleTable
from mer.inputs.prepared_samples import PreparedSamples
from mer.train.experiment.overlap import samples_without, shared_subjects

Row = tuple[str, str, str, str]


def samples(folder: Path, rows: list[Row]) -> PreparedSamples:
    """Samples of (id, dataset, subject, content of the apex image or "" for none)."""
    listed = []
    folder = Path(tempfile.mkdtemp(dir=folder))
    for number, (sample, dataset, subject, content) in enumerate(rows):
        path = folder / f"{dataset}_{number}.png"
        if content:
            path.write_text(content)
        cells = {column: "" for column in COLUMNS} | {
            "sample_id": sample,
            "dataset": dataset,
            "subject": subject,
            "clip": str(number),
            "label": "ab"[number % 2],
            "apex_path": str(path) if content else "",
        }
        listed.append(cells)
    frame = pd.DataFrame(listed)
    for column in ("onset", "apex", "offset"):
        frame[column] = pd.array([None] * len(frame), dtype="Int64")
    return PreparedSamples(
        SampleTable(frame, ("a", "b"), name=rows[0][1]), np.zeros((len(rows), 1, 28, 28), dtype=np.float32)
    )


def test_each_kind_of_meeting_is_found_and_bars_all_clips_of_the_person(tmp_path):
    own = samples(tmp_path, [("own/1", "set", "s1", "one"), ("own/2", "set", "s2", "two"), ("own/3", "set", "s3", "")])
    other = samples(
        tmp_path,
        [
            ("m/1", "set", "s1", "other"),
            ("m/2", "macro", "s1", "two"),
            ("m/3", "macro", "s1", "fresh"),
            ("own/3", "macro", "s4", ""),
            ("m/5", "macro", "s2", "quite"),
            ("m/6", "macro", "s3", ""),
        ],
    )
    found = shared_subjects(other, own, ["own/1", "own/2", "own/3"])
    assert found == {
        "set:s1": "the same subject id",
        "macro:s1": "the same picture in m/2",
        "macro:s4": "the same sample id own/3",
    }
    assert samples_without(other, found) == ("m/5", "m/6")


def test_only_the_samples_asked_about_count(tmp_path):
    own = samples(tmp_path, [("own/1", "set", "s1", "one"), ("own/2", "set", "s2", "two")])
    other = samples(tmp_path, [("m/1", "set", "s1", "x"), ("m/2", "macro", "s9", "two"), ("m/3", "macro", "s8", "y")])
    assert set(shared_subjects(other, own, ["own/1"])) == {"set:s1"}
    assert set(shared_subjects(other, own, ["own/2"])) == {"macro:s9"}
    assert shared_subjects(other, own, []) == {}


def test_another_spelling_of_a_person_is_that_person(tmp_path):
    own = samples(tmp_path, [("own/1", "smic", "s03", "one"), ("own/2", "smic", "s30", "two")])
    other = samples(tmp_path, [("m/1", "smic", "S3", "x"), ("m/2", "smic_e", "3", "y"), ("m/3", "smic", "s30", "z")])
    assert set(shared_subjects(other, own, ["own/1"])) == {"smic:S3"}
    other = samples(tmp_path, [("m/1", "smic_e", "s3", "x"), ("m/2", "set", "s03", "y"), ("m/3", "set", "s3", "z")])
    assert shared_subjects(other, own, ["own/1"]) == {"smic_e:s3": "the same subject id in another spelling"}


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        (("set", "é1"), ("set", "e\u03011"), True),
        (("set", "1"), ("set", "1.0"), True),
        (("set", "p0"), ("set", "p 0\u200b"), True),
        (("CASME2", "p0"), ("casme2", "P0"), True),
        (("CASME II", "sub01"), ("casme2", "Sub1"), True),
        (("set", "甲某"), ("set", "乙某"), False),
        (("set", "Иван"), ("set", "Анна"), False),
        (("CAS(ME)^2", "s15"), ("CASME2", "s15"), False),
    ],
)
def test_people_under_two_spellings_of_id_or_data_set(mine, theirs, same, tmp_path):
    own = samples(tmp_path, [("own/1", *mine, "one"), ("own/2", "set", "q9", "two")])
    other = samples(tmp_path, [("m/1", *theirs, "x"), ("m/2", "far", "w", "y")])
    barred = shared_subjects(other, own, ["own/1"])
    assert (set(barred) == {":".join(theirs)}) is same
    assert samples_without(other, barred) == (("m/2",) if same else ("m/1", "m/2"))


def test_all_spellings_of_a_barred_person_are_barred(tmp_path):
    own = samples(tmp_path, [("own/1", "set", "a", "one"), ("own/2", "set", "b", "two")])
    other = samples(
        tmp_path, [("m/1", "macro", "s1", "one"), ("m/2", "macro", "S 01", "y"), ("m/3", "macro", "t", "z")]
    )
    barred = shared_subjects(other, own, ["own/1"])
    assert set(barred) == {"macro:s1"} and samples_without(other, barred) == ("m/3",)


PEOPLE = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8)), min_size=2, max_size=12)


@settings(max_examples=25, deadline=None)
@given(mine=PEOPLE, theirs=PEOPLE, tested=st.sets(st.integers(0, 11)))
def test_nobody_who_is_tested_is_allowed(tmp_path_factory, mine, theirs, tested):
    folder = tmp_path_factory.mktemp("faces")
    own = samples(folder, [(f"o{i}", "set", f"s{who}", f"p{what}") for i, (who, what) in enumerate(mine)])
    other = samples(folder, [(f"m{i}", "set", f"s{who + 3}", f"p{what + 5}") for i, (who, what) in enumerate(theirs)])
    ids = {f"o{i}" for i in tested if i < len(mine)}
    left = set(samples_without(other, shared_subjects(other, own, ids)))
    people = {mine[int(sample[1:])][0] for sample in ids}
    pictures = {mine[int(sample[1:])][1] for sample in ids}
    spoiled = {who for who, what in theirs if who + 3 in people or what + 5 in pictures}
    assert left == {f"m{i}" for i, (who, _) in enumerate(theirs) if who not in spoiled}
