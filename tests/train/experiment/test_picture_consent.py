"""Faces of participants are shown only where the user asks."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from mer.config import Config
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.train.experiment.picture_consent import may_show_inputs


def made(representation: str, *, synthetic: bool, datasets: tuple[str, ...] = ("samm",)) -> SimpleNamespace:
    config = Config(input=replace(Config().input, representation=representation))
    table = SimpleNamespace(synthetic=synthetic, frame=pd.DataFrame({"dataset": datasets}))
    return SimpleNamespace(config=config, table=table)


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_only_motion_of_participants_is_shown_unasked(representation: str) -> None:
    motion = representation in ("flow", "flow_uv", "motion_map")
    assert may_show_inputs(made(representation, synthetic=False), asked=False) == motion  # type: ignore[arg-type]
    assert may_show_inputs(made(representation, synthetic=False), asked=True)  # type: ignore[arg-type]
    assert may_show_inputs(made(representation, synthetic=True), asked=False)  # type: ignore[arg-type]


def test_a_drawn_set_beside_a_recorded_one_does_not_open_it() -> None:
    both = made("apex", synthetic=True, datasets=("samm", "casme2"))
    assert not may_show_inputs(both, asked=False)  # type: ignore[arg-type]


def test_neither_key_is_asked_for_by_default() -> None:
    assert not Config().evaluation.pictures and not Config().logger.media
