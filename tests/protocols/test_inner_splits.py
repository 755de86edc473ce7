"""Learning curves: fewer training subjects, the same test part."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.config import ProtocolConfig
from mer.errors import SampleError
from mer.protocols.registry import config_errors, make_folds
from tests.helpers.tables import CLASSES, people, some, table

ROWS = [("d", f"s{person}", CLASSES[clip % len(CLASSES)]) for person in range(8) for clip in range(person % 3 + 2)]


@some
@given(seed=st.integers(0, 10_000), count=st.integers(1, 7))
def test_a_fold_trains_on_so_many_whole_subjects_and_tests_as_ever(seed: int, count: int) -> None:
    drawn = table(ROWS)
    whole = make_folds(drawn, ProtocolConfig(), seed)
    fewer = make_folds(drawn, ProtocolConfig(train_subjects=count), seed)
    assert [fold.test for fold in fewer] == [fold.test for fold in whole]
    for few, all_ in zip(fewer, whole, strict=True):
        chosen = people(drawn, few.train)
        assert len(chosen) == count
        assert few.train == tuple(sample for sample in all_.train if people(drawn, (sample,)) <= chosen)


def test_the_few_are_among_the_many_and_seeds_draw_others() -> None:
    drawn = table(ROWS)
    curve = [make_folds(drawn, ProtocolConfig(train_subjects=count), 3)[0].train for count in range(1, 8)]
    assert all(set(few) < set(more) for few, more in pairwise(curve))
    draws = {make_folds(drawn, ProtocolConfig(train_subjects=2), seed)[0].train for seed in range(20)}
    assert len(draws) > 5


def test_more_subjects_than_there_are_and_zero_are_refused() -> None:
    with pytest.raises(
        SampleError, match=r"expected 9 training subjects or more with protocol.train_subjects=9, got 8"
    ):
        make_folds(table(ROWS), ProtocolConfig(train_subjects=9), 0)
    assert any("protocol.train_subjects" in line for line in config_errors(ProtocolConfig(train_subjects=0)))
    assert any(
        "protocol.train_subjects" in line for line in config_errors(ProtocolConfig("zero_shot", train_subjects=3))
    )
