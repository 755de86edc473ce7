"""Whole data sets held out, the challenges that do so, and splits inside a training part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.config import ProtocolConfig
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError, SampleError
from mer.protocols.registry import Fold, config_errors, inner_folds, make_folds, protocol_notes, selection_mode
from tests.helpers.tables import CLASSES, people, shuffled, some, table, tables

LODO = ProtocolConfig(name="leave_one_dataset_out")


def cross(train: list[str], test: list[str]) -> ProtocolConfig:
    return ProtocolConfig(name="cross_dataset", train_on=train, test_on=test)


def sets(made: SampleTable, samples: tuple[str, ...]) -> set[str]:
    return {name.partition(":")[0] for name in people(made, samples)}


@some
@given(tables, st.randoms(use_true_random=False))
def test_each_data_set_is_tested_once_after_all_others(made: SampleTable, random: object) -> None:
    names = sorted(made.frame["dataset"].unique())
    if len(names) < 2:
        with pytest.raises(SampleError, match="two or more data sets"):
            make_folds(made, LODO, 0)
        return
    folds = make_folds(made, LODO, 0)
    assert folds == make_folds(shuffled(made, random), LODO, 0)
    assert sorted(sample for fold in folds for sample in fold.test) == sorted(made.frame["sample_id"])
    for fold, name in zip(folds, names, strict=True):
        assert sets(made, fold.test) == {name}
        assert sets(made, fold.train) == set(names) - {name}
        assert sorted(fold.train + fold.test) == sorted(made.frame["sample_id"])


def three_sets() -> SampleTable:
    return table([(name, f"s{i}", label) for name in ("x", "y", "z") for i in range(3) for label in CLASSES])


def test_names_tell_both_sides() -> None:
    assert [fold.name for fold in make_folds(three_sets(), LODO, 0)] == ["y-z-to-x", "x-z-to-y", "x-y-to-z"]
    (fold,) = make_folds(three_sets(), cross(["y", "x"], ["z"]), 0)
    assert fold.name == "y-x-to-z"


def test_from_one_set_to_another_leaves_the_third_alone() -> None:
    made = three_sets()
    (fold,) = make_folds(made, cross(["x"], ["y"]), 0)
    assert sets(made, fold.train) == {"x"} and sets(made, fold.test) == {"y"}
    assert len(fold.train) == 12 and len(fold.test) == 9
    (note,) = protocol_notes(made, cross(["x"], ["y"]), [fold])
    assert "tests 9 of 30 samples" in note


def test_sets_that_are_not_there_and_classes_that_are_not_tested() -> None:
    with pytest.raises(SampleError, match=r"among x, y, z, got w$"):
        make_folds(three_sets(), cross(["x"], ["w"]), 0)
    made = table([("x", "s1", "a"), ("y", "s1", "a"), ("y", "s2", "c")])
    with pytest.raises(SampleError, match="got none of b in y"):
        make_folds(made, cross(["x"], ["y"]), 0)


@pytest.mark.parametrize(
    ("protocol", "parts"),
    [
        (cross([], []), ["protocol.train_on: expected one or more", "protocol.test_on: expected one or more"]),
        (cross(["x"], ["x", "y"]), ["protocol.test_on: expected other data sets than in protocol.train_on, got x"]),
        (cross(["x", "x"], ["y"]), ["protocol.train_on: expected each data set once"]),
        (ProtocolConfig(train_on=["x"]), ["protocol.train_on: expected an empty list with protocol.name=loso"]),
        (ProtocolConfig(folds=1), ["protocol.folds: expected 2 to 1000, got 1"]),
        (ProtocolConfig(inner=1), ["protocol.inner: expected 2 to 100, got 1"]),
        (ProtocolConfig(selection="best"), ["protocol.selection: expected null or one of fixed, inner, leaky"]),
        (ProtocolConfig(selection="inner"), ["protocol.selection: expected an inner split"]),
        (ProtocolConfig(selection="leaky", validation=0.1), ["protocol.selection: expected inner"]),
        (ProtocolConfig(selection="fixed", candidates=["optim.lr=1"]), ["protocol.selection: expected inner"]),
        (ProtocolConfig(validation=0.1, candidates=["optim.lr=1"]), ["protocol.validation: expected 0"]),
    ],
)
def test_problems_name_the_key(protocol: ProtocolConfig, parts: list[str]) -> None:
    found = config_errors(protocol)
    assert len(found) == len(parts)
    assert [part for part, problem in zip(parts, found, strict=True) if not problem.startswith(part)] == []
    with pytest.raises(ConfigError):
        make_folds(three_sets(), protocol, 0)


def test_what_chooses_is_read_off_the_protocol() -> None:
    assert selection_mode(ProtocolConfig()) == "fixed"
    assert selection_mode(ProtocolConfig(validation=0.1)) == "inner"
    assert selection_mode(ProtocolConfig(candidates=[""])) == "inner"
    assert selection_mode(ProtocolConfig(selection="leaky")) == "leaky"


def test_a_leaky_fold_is_itself_clean() -> None:
    """The held-out samples are looked at in training, on purpose; the split does not pretend otherwise."""
    made = three_sets()
    assert make_folds(made, ProtocolConfig(selection="leaky"), 0) == make_folds(made, ProtocolConfig(), 0)


@pytest.mark.parametrize("name", ["megc2018_cde", "megc2018_hde", "megc2019"])
def test_challenges_refuse_other_samples(name: str) -> None:
    with pytest.raises(SampleError, match=rf"expected the data sets casme2, samm.*got x, y, z.*data={name[:8]}"):
        make_folds(three_sets(), ProtocolConfig(name=name), 0)


def test_a_challenge_with_other_counts_says_so() -> None:
    classes = ("I", "II", "III", "IV", "V")
    made = table([(name, "s1", label) for name in ("casme2", "samm") for label in classes], classes=classes)
    protocol = ProtocolConfig(name="megc2018_hde")
    folds = make_folds(made, protocol, 0)
    assert [fold.name for fold in folds] == ["samm-to-casme2", "casme2-to-samm"]
    (note,) = protocol_notes(made, protocol, folds)
    assert "15 samples instead of 253" in note and "casme2 III 2 instead of 99" in note
    assert "samm 1 subjects instead of 21" in note


@some
@given(tables, st.integers(2, 3), st.randoms(use_true_random=False))
def test_inner_folds_divide_the_training_part_and_see_nothing_else(
    made: SampleTable, parts: int, random: object
) -> None:
    if made.subjects.nunique() <= parts:
        return
    for fold in make_folds(made, ProtocolConfig(), 0):
        found = inner_folds(fold, made, parts)
        assert found == inner_folds(fold, shuffled(made, random), parts)
        assert sorted(sample for one in found for sample in one.test) == sorted(fold.train)
        for one in found:
            assert one.train and one.test
            assert sorted(one.train + one.test) == sorted(fold.train)
            assert not people(made, one.train) & people(made, one.test)


def test_inner_folds_need_people() -> None:
    made = table([("x", "s1", "a")])
    fold = Fold("x-s1", ("x/s99_1", "x/s99_2", "x/s99_3"), (), ("x/s1_0",))
    with pytest.raises(SampleError, match=r"fold x-s1: .*2 parts of whole subjects, got 1.*protocol\.inner"):
        inner_folds(fold, made, 2)
