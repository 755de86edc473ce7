"""Posed expressions of the drawn corpus: stronger, richer, slower, and of other people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mer.config import SyntheticData
from mer.data.synthetic import source as synthetic
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import ground_truth

MICRO = SyntheticData(name="synthetic", subjects=6, clips=30, size=48)
POSED = replace(MICRO, name="synthetic_macro", posed=True)


def test_the_same_seed_draws_other_people_with_ids_of_their_own(tmp_path: Path) -> None:
    people = [
        [spec.person for spec in design_clips(replace(data, seed=seed))] for data in (MICRO, POSED) for seed in (0, 1)
    ]
    for i, some in enumerate(people):
        assert not any(person in others for others in people[i + 1 :] for person in some)
    small = {"subjects": 2, "clips": 6, "size": 32}
    micro, posed = (synthetic.load(replace(data, **small), tmp_path) for data in (MICRO, POSED))
    assert not set(micro.subjects) & set(posed.subjects)
    assert not set(micro.frame["sample_id"]) & set(posed.frame["sample_id"])
    assert micro.classes == posed.classes
    assert posed.synthetic and "posed" in posed.notes[0]


def test_they_move_the_skin_several_times_as_far() -> None:
    def reach(data: SyntheticData) -> np.ndarray:
        return np.array([np.hypot(*ground_truth(spec).expression).max() for spec in design_clips(data)])

    assert np.median(reach(POSED)) > 4 * np.median(reach(MICRO))
    assert reach(POSED).min() > np.median(reach(MICRO))


def test_they_show_more_units_and_last_longer() -> None:
    micro, posed = design_clips(replace(MICRO, clips=200)), design_clips(replace(POSED, clips=200))
    assert np.mean([len(spec.aus) for spec in posed]) > 1.2 * np.mean([len(spec.aus) for spec in micro])
    assert min(spec.offset - spec.onset for spec in posed) >= 100 > max(spec.offset - spec.onset for spec in micro)
    for spec in posed:
        codes = [movement.activation.code for movement in spec.expression]
        assert codes == sorted(set(codes)), "a unit stands there once"


@pytest.mark.parametrize("difficulty", [0.0, 2.0])
def test_difficulty_does_not_make_them_fainter(difficulty: float) -> None:
    levels = [
        max(m.activation.left, m.activation.right)
        for s in design_clips(replace(POSED, difficulty=difficulty))
        for m in s.expression
    ]
    assert min(levels) >= 0.67 * 1.5 * 0.8 and max(levels) <= 2.5
