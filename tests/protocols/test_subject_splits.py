from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from mer.config import ProtocolConfig
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.protocols.fold import samples_by_subject
from mer.protocols.registry import make_folds
from mer.protocols.subject_splits import stratified_group_kfold
from tests.helpers.tables import CLASSES, people, shuffled, some, table, tables

counts = st.integers(2, 5)


def kfold(folds: int) -> ProtocolConfig:
    return ProtocolConfig(name="kfold", folds=folds)


def enough(made: SampleTable, folds: int) -> bool:
    return made.subjects.nunique() >= folds


@some
@given(tables, counts)
def test_equal_to_sklearns_stratified_group_kfold(made: SampleTable, folds: int) -> None:
    if not enough(made, folds):
        return
    # sklearn numbers groups and classes in sorted order: give it ours as numbers
    order = {name: place for place, name in enumerate(samples_by_subject(made))}
    groups = made.subjects.map(order).to_numpy()
    ids, targets = made.frame["sample_id"].to_numpy(), made.targets
    if np.bincount(targets).max() < folds:
        return  # sklearn refuses where no class has a sample for every fold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer samples than folds
        expected = [set(ids[test]) for _, test in StratifiedGroupKFold(folds).split(ids, targets, groups)]
    if not all(expected):
        return  # sklearn left a part empty; ours never does
    assert [set(fold.test) for fold in make_folds(made, kfold(folds), 0)] == expected


def test_no_part_is_empty_where_rounding_errors_leave_one_in_scikit_learn() -> None:
    labels = ("bd", "f", "g", "gg", "gde")
    label_of = {f"{k}-{i}": label for k, word in enumerate(labels) for i, label in enumerate(word)}
    groups = {str(k): [sample for sample in label_of if sample.startswith(f"{k}-")] for k in range(5)}
    parts = stratified_group_kfold(groups, label_of, "abcdefg", parts=5, source="made")
    assert sorted(map(sorted, parts)) == sorted(map(sorted, groups.values()))


def test_most_uneven_subjects_first_each_where_the_shares_of_classes_stay_most_equal() -> None:
    labels = {"s1": "aab", "s2": "b", "s3": "aaaa", "s4": "bb", "s5": "ab"}  # std of counts: 0.5, 0.5, 2, 1, 0
    label_of = {f"{who}-{i}": label for who, word in labels.items() for i, label in enumerate(word)}
    groups = {who: [sample for sample in label_of if sample.startswith(who)] for who in labels}
    parts = stratified_group_kfold(groups, label_of, "abc", parts=2, source="made")
    subjects = [list(dict.fromkeys(sample.partition("-")[0] for sample in part)) for part in parts]
    assert subjects == [["s3", "s2", "s5"], ["s4", "s1"]]


@some
@given(tables, counts)
def test_each_sample_is_tested_once_and_no_person_stands_on_two_sides(made: SampleTable, folds: int) -> None:
    if not enough(made, folds):
        return
    found = make_folds(made, kfold(folds), 0)
    assert [fold.name for fold in found] == [f"fold-{k}" for k in range(1, folds + 1)]
    assert sorted(sample for fold in found for sample in fold.test) == sorted(made.frame["sample_id"])
    for fold in found:
        assert fold.train and fold.test and fold.validation == ()
        assert not people(made, fold.train) & people(made, fold.test)
        assert sorted(fold.train + fold.test) == sorted(made.frame["sample_id"])


@some
@given(tables, counts, st.randoms(use_true_random=False), st.integers(0, 9))
def test_neither_the_order_of_rows_nor_the_seed_matters(
    made: SampleTable, folds: int, random: object, seed: int
) -> None:
    if enough(made, folds):
        assert make_folds(made, kfold(folds), 0) == make_folds(shuffled(made, random), kfold(folds), seed)


def test_classes_are_as_even_as_equal_people_allow() -> None:
    made = table([("x", f"s{i}", label) for i in range(11) for label in CLASSES])
    for fold in make_folds(made, kfold(4), 0):
        assert len(people(made, fold.test)) == 3
        labels = made.frame.set_index("sample_id").loc[list(fold.test), "label"]
        assert labels.value_counts().to_dict() == {"a": 3, "b": 3, "c": 3}


def test_a_rare_class_is_spread_over_the_parts() -> None:
    rows = [("x", f"s{i}", "a") for i in range(1, 9)] + [("x", f"s{i}", "b") for i in (1, 2, 3)]
    rare = [
        (made.frame.set_index("sample_id").loc[list(fold.test), "label"] == "b").sum()
        for made in [table(rows)]
        for fold in make_folds(made, kfold(4), 0)
    ]
    assert sorted(rare) == [1, 1, 1, 1]


def test_more_parts_than_people() -> None:
    with pytest.raises(SampleError, match=r"expected 5 subjects or more for 5 parts.*got 2.*protocol\.folds"):
        make_folds(table([("x", "s1", "a")]), kfold(5), 0)
