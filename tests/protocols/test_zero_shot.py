"""The protocol that trains nothing."""

from __future__ import annotations

import pytest

from mer.config import ProtocolConfig
from mer.protocols.registry import config_errors, make_folds, protocol_notes
from tests.protocols.test_registry import table


def test_one_fold_tests_everything_and_trains_on_nothing() -> None:
    samples = table([("s2", "a"), ("s10", "b"), ("s2", "c")])
    (fold,) = make_folds(samples, ProtocolConfig(name="zero_shot"), seed=0)
    assert fold.train == () and fold.validation == ()
    assert sorted(fold.test) == sorted(samples.frame["sample_id"])
    assert protocol_notes(samples, ProtocolConfig(name="zero_shot"), [fold]) == []


@pytest.mark.parametrize("more", [{"validation": 0.1}, {"candidates": ["", "optim.lr=0.1"]}])
def test_nothing_can_be_chosen_where_nothing_is_trained(more: dict) -> None:
    (problem,) = config_errors(ProtocolConfig(name="zero_shot", **more))
    assert problem.startswith("protocol.name: expected protocol.validation=0")
