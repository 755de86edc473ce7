"""Apex spotting: drawn clips with a known apex, courses in closed form, and the way into the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mer.config import InputConfig, SyntheticData
from mer.data.samples.table import SampleTable
from mer.data.synthetic import source as synthetic
from mer.errors import SampleError
from mer.inputs.apex.spotters import SPOTTERS, bisect_peak, course_peak, middle_frame, rise_and_fall
from mer.inputs.apex.spotting import config_errors, spot_apexes


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> SampleTable:
    """Whole drawn clips, other people and clips than those that the spotters' constants were chosen on."""
    data = SyntheticData(name="synthetic", subjects=3, clips=8, size=96, seed=12, whole=True)
    return synthetic.load(data, tmp_path_factory.mktemp("corpus"))


def error(found: SampleTable, truth: SampleTable) -> float:
    """Mean absolute error in frames."""
    return float(np.abs(found.frame["apex"].to_numpy(int) - truth.frame["apex"].to_numpy(int)).mean())


@pytest.mark.slow
def test_half_of_the_clips_are_met_more_closely_than_by_the_middle_frame(corpus: SampleTable, tmp_path: Path) -> None:
    truth = corpus.frame["apex"].to_numpy(int)
    errors = {}
    for name in ("middle", "flow"):
        found = spot_apexes(corpus, InputConfig(apex=name, apex_for="all"), tmp_path).frame["apex"].to_numpy(int)
        errors[name] = float(np.median(np.abs(found - truth)))
    assert errors["flow"] <= errors["middle"] / 2


@pytest.mark.slow
def test_flow_errs_at_most_half_as_much_as_the_middle_frame(tmp_path: Path) -> None:
    errors: dict[str, list[float]] = {name: [] for name in SPOTTERS}
    for seed in (12, 13, 501, 601):  # the last two chose the constants
        data = SyntheticData(name="synthetic", subjects=8, clips=40, seed=seed, whole=True)
        truth = synthetic.load(data, tmp_path)
        for name, found in errors.items():
            found.append(error(spot_apexes(truth, InputConfig(apex=name, apex_for="all"), tmp_path), truth))
    assert np.mean(errors["flow"]) <= np.mean(errors["middle"]) / 2


def test_what_was_found_stands_in_the_table_and_is_kept(corpus: SampleTable, tmp_path: Path) -> None:
    config = InputConfig(apex="difference", apex_for="all")
    found = spot_apexes(corpus, config, tmp_path)
    assert set(found.frame["apex_source"]) == {"difference"}
    assert "8 of 8 clips" in found.notes[-1]
    for row in found.frame.to_dict("records"):
        assert Path(row["apex_path"]).name.endswith(f"_{row['apex']:05d}.png")
        assert row["onset"] <= row["apex"] <= row["offset"]
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert len(kept) == 8
    assert spot_apexes(corpus, config, tmp_path).content_hash() == found.content_hash()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")} == kept


def test_annotated_apexes_stay_unless_all_are_asked_for(corpus: SampleTable, tmp_path: Path) -> None:
    assert spot_apexes(corpus, InputConfig(), tmp_path) is corpus
    sources = ["annotated"] * 7 + ["middle"]
    mixed = replace(corpus, frame=corpus.frame.assign(apex_source=sources))
    found = spot_apexes(mixed, InputConfig(apex="middle"), tmp_path)
    np.testing.assert_array_equal(found.frame["apex"][:7], corpus.frame["apex"][:7])
    row = corpus.frame.iloc[7]
    assert found.frame["apex"][7] == (row["onset"] + row["offset"]) // 2


def test_clips_without_their_frames_are_all_named(corpus: SampleTable, tmp_path: Path) -> None:
    lacking = replace(corpus, frame=corpus.frame.assign(folder=""))
    with pytest.raises(SampleError) as caught:
        spot_apexes(lacking, InputConfig(apex="flow", apex_for="all"), tmp_path)
    assert all(sample in str(caught.value) for sample in corpus.frame["sample_id"])


@pytest.mark.parametrize("apex", [6, 15, 30])
def test_a_clean_course_is_found_beside_drift_and_what_moves_later(apex: int) -> None:
    rng = np.random.default_rng(apex)
    time = np.arange(40)
    expression = np.outer(rise_and_fall(40, apex, 0.1), rng.standard_normal(30))
    drift = np.outer(time / 40, 3 * rng.standard_normal(30))
    later = np.zeros((40, 30))
    later[:, :6] = 2 * rise_and_fall(40, 24, 0.6)[:, None]
    assert abs(course_peak(expression + drift + later) - apex) <= 2


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
def test_short_and_still_clips_have_an_apex_too(count: int) -> None:
    still = np.full((count, 40, 40), 100, np.float32)
    for spot in SPOTTERS.values():
        assert 0 <= spot(still) < count
    assert course_peak(np.zeros((count, 4))) == middle_frame(still)


def test_the_search_by_halves_ends_at_a_single_peak() -> None:
    for peak in range(11):
        curve = np.zeros(11)
        curve[peak] = 1
        assert bisect_peak(curve) == peak


def test_wrong_choices_are_named() -> None:
    assert config_errors(InputConfig()) == []
    (line,) = config_errors(InputConfig(apex="guess"))
    assert line.startswith("input.apex: expected one of annotated, ") and line.endswith("got 'guess'")
