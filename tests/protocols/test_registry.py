from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import LeaveOneGroupOut

from mer.config import ProtocolConfig
from mer.data.samples.schema import COLUMNS
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError, SampleError
from mer.protocols.registry import Fold, config_errors, fold_notes, make_folds, natural_key

CLASSES = ("a", "b", "c")


def table(rows: list[tuple[str, str]], *, dataset: str = "d") -> SampleTable:
    """Samples of (subject, label); three more of a far subject make sure that each class exists."""
    rows = [*rows, *(("s99", label) for label in CLASSES)]
    listed = [
        {column: "" for column in COLUMNS}
        | {
            "sample_id": f"{dataset}/{subject}_{i}",
            "dataset": dataset,
            "subject": subject,
            "clip": str(i),
            "label": label,
        }
        | {"onset": None, "apex": None, "offset": None}
        for i, (subject, label) in enumerate(rows)
    ]
    return SampleTable(pd.DataFrame(listed), CLASSES, name="test")


tables = st.lists(
    st.tuples(st.sampled_from([f"s{i}" for i in range(1, 13)]), st.sampled_from(CLASSES)), min_size=1, max_size=40
).map(table)
#: At least three subjects, so that a training part can be divided.
larger = tables.filter(lambda made: made.subjects.nunique() >= 3)
shares = st.floats(0.01, 0.9)
some = settings(deadline=None, max_examples=50)


def people(made: SampleTable, samples: tuple[str, ...]) -> set[str]:
    of = dict(zip(made.frame["sample_id"], made.subjects, strict=True))
    return {of[sample] for sample in samples}


@some
@given(tables)
def test_equal_to_sklearns_leave_one_group_out(made: SampleTable) -> None:
    ids = made.frame["sample_id"].to_numpy()
    split = LeaveOneGroupOut().split(ids, groups=made.subjects)
    expected = {(frozenset(ids[train]), frozenset(ids[test])) for train, test in split}
    folds = make_folds(made, ProtocolConfig(), 0)
    assert {(frozenset(fold.train), frozenset(fold.test)) for fold in folds} == expected
    assert all(fold.validation == () for fold in folds)


@some
@given(larger, shares, st.integers(0, 5))
def test_each_sample_is_tested_once_and_no_person_stands_on_two_sides(
    made: SampleTable, share: float, seed: int
) -> None:
    folds = make_folds(made, ProtocolConfig(validation=share), seed)
    assert sorted(sample for fold in folds for sample in fold.test) == sorted(made.frame["sample_id"])
    for fold in folds:
        parts = [people(made, part) for part in (fold.train, fold.validation, fold.test)]
        assert all(parts)
        assert len(parts[0] | parts[1] | parts[2]) == sum(map(len, parts))
        assert sorted(fold.train + fold.validation + fold.test) == sorted(made.frame["sample_id"])


@some
@given(larger, shares, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(made: SampleTable, share: float, random: object) -> None:
    order = list(range(len(made)))
    random.shuffle(order)  # type: ignore[attr-defined]
    other = SampleTable(made.frame.iloc[order], CLASSES, name="test")
    protocol = ProtocolConfig(validation=share)
    assert make_folds(made, protocol, 1) == make_folds(other, protocol, 1)


@some
@given(larger, shares)
def test_validation_takes_no_class_away_where_that_can_be_avoided(made: SampleTable, share: float) -> None:
    label_of = dict(zip(made.frame["sample_id"], made.frame["label"], strict=True))
    for fold in make_folds(made, ProtocolConfig(validation=share), 0):
        before = {label_of[sample] for sample in fold.train + fold.validation}
        if {label_of[sample] for sample in fold.train} == before:
            continue
        # Then no single training subject could have gone without taking a class along.
        for person in people(made, fold.train + fold.validation):
            left = [s for s in fold.train + fold.validation if people(made, (s,)) != {person}]
            assert {label_of[sample] for sample in left} != before


def test_names_and_natural_order() -> None:
    made = table([("s10", "a"), ("s2", "b"), ("s10", "c")])
    folds = make_folds(made, ProtocolConfig(), 0)
    assert [fold.name for fold in folds] == ["d-s2", "d-s10", "d-s99"]
    assert folds[1] == Fold("d-s10", ("d/s2_1", "d/s99_3", "d/s99_4", "d/s99_5"), (), ("d/s10_0", "d/s10_2"))
    assert sorted(["10", "9", "09", "a2", "a10"], key=natural_key) == ["09", "9", "10", "a2", "a10"]


def test_people_of_two_sets_with_one_number_are_two() -> None:
    frames = [table([("006", "a")], dataset=dataset).frame for dataset in ("samm", "casme2")]
    made = SampleTable(pd.concat(frames), CLASSES, name="both")
    names = [fold.name for fold in make_folds(made, ProtocolConfig(), 0)]
    assert names == ["casme2-006", "casme2-s99", "samm-006", "samm-s99"]


def test_share_of_subjects_is_kept_when_classes_allow() -> None:
    made = table([(f"s{i}", label) for i in range(20) for label in CLASSES])
    folds = make_folds(made, ProtocolConfig(validation=0.2), 0)
    assert {len(people(made, fold.validation)) for fold in folds} == {4}


def test_seed_and_fold_decide_who_validates() -> None:
    made = table([(f"s{i}", label) for i in range(20) for label in CLASSES])
    first, again, other = (make_folds(made, ProtocolConfig(validation=0.2), seed) for seed in (0, 0, 1))
    assert first == again
    assert sum(a.validation != b.validation for a, b in zip(first, other, strict=True)) > 15
    assert len({fold.validation for fold in first}) > 15


def test_one_person_more_moves_few_others() -> None:
    rows = [(f"s{i}", label) for i in range(20) for label in CLASSES]
    before = {fold.name: fold for fold in make_folds(table(rows), ProtocolConfig(validation=0.2), 0)}
    more = [*rows, *(("s50", label) for label in CLASSES)]
    for fold in make_folds(table(more), ProtocolConfig(validation=0.2), 0):
        if fold.name in before:
            old = {sample.split("_")[0] for sample in before[fold.name].validation}
            new = {sample.split("_")[0] for sample in fold.validation}
            assert len(new - old) <= 1, fold.name


def test_one_subject_only() -> None:
    with pytest.raises(
        SampleError, match=r"two or more subjects for leave-one-subject-out, got one, d:s99 \(3 samples\)"
    ):
        make_folds(table([]), ProtocolConfig(), 0)


def test_two_subjects_cannot_be_divided_further() -> None:
    with pytest.raises(
        SampleError, match=r"fold d-s1: expected two or more training subjects.*got 1: set protocol.validation=0"
    ):
        make_folds(table([("s1", "a")]), ProtocolConfig(validation=0.5), 0)


def test_two_subjects_with_one_fold_name() -> None:
    made = table([("b-c", "a"), ("c", "b")])
    datasets = np.where(made.frame["subject"] == "b-c", "a", np.where(made.frame["subject"] == "c", "a-b", "d"))
    with pytest.raises(SampleError, match="to be unique, got a-b-c twice"):
        make_folds(SampleTable(made.frame.assign(dataset=datasets), CLASSES, name="x"), ProtocolConfig(), 0)


def test_a_class_of_one_person_is_a_note_and_no_error() -> None:
    made = table([("s1", "a"), ("s2", "b")])
    notes = fold_notes(made, make_folds(made, ProtocolConfig(), 0))
    assert len(notes) == 1
    assert "d-s99" in notes[0]
    assert "any sample of c" in notes[0]


@pytest.mark.parametrize(
    ("protocol", "part"),
    [
        (ProtocolConfig(name="lofo"), "megc2018_hde, megc2019, zero_shot, got 'lofo': did you mean 'loso'?"),
        (ProtocolConfig(validation=1.0), "protocol.validation"),
        (ProtocolConfig(validation=-0.1), "protocol.validation"),
        (ProtocolConfig(validation=float("nan")), "protocol.validation"),
    ],
)
def test_problems_name_the_key(protocol: ProtocolConfig, part: str) -> None:
    assert part in config_errors(protocol)[0]
    with pytest.raises(ConfigError, match="protocol"):
        make_folds(table([("s1", "a")]), protocol, 0)


def test_good_protocols_have_no_problems() -> None:
    assert config_errors(ProtocolConfig()) == []
    assert config_errors(ProtocolConfig(validation=0.3)) == []
