from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from mer.evaluation.comparison.heat_map import heat_map

KEYS = ("model.attention.stages", "model.depth")
STAGES, DEPTHS = ("[]", "[4]", "[1, 2]"), (10, 18)


@pytest.fixture
def table() -> pd.DataFrame:
    """A job for each of two depths and three placements, in the order of Hydra's sweeper."""
    rows = []
    for place, (depth, stages) in enumerate((depth, stages) for depth in DEPTHS for stages in STAGES):
        value = 0.5 + place / 20
        ends = {"uf1_low": value - 0.1, "uf1_high": value + 0.06}
        rows.append({KEYS[0]: stages, KEYS[1]: depth, "status": "done", "uf1": value, **ends, "synthetic": True})
    return pd.DataFrame(rows)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def cells(figure: Figure) -> np.ma.MaskedArray:
    (image,) = figure.axes[0].images
    return image.get_array()


@pytest.mark.parametrize("keys", [KEYS, KEYS[::-1]])
def test_each_job_stands_at_its_values(table: pd.DataFrame, keys: tuple[str, str]) -> None:
    figure = heat_map(table.sample(frac=1, random_state=3).sort_values(KEYS[1], kind="stable"), keys)
    (axes,) = figure.axes
    rows, columns = (
        [label.get_text() for label in ticks] for ticks in (axes.get_yticklabels(), axes.get_xticklabels())
    )
    assert (axes.get_ylabel(), axes.get_xlabel()) == (KEYS[1], KEYS[0]), "the key with fewer values makes the rows"
    assert rows == ["10", "18"]
    assert sorted(columns) == ["1, 2", "4", "none"]
    named = dict(zip(STAGES, ("none", "4", "1, 2"), strict=True))
    for job in table.to_dict("records"):
        place = rows.index(str(job[KEYS[1]])), columns.index(named[job[KEYS[0]]])
        assert cells(figure)[place] == pytest.approx(job["uf1"])
        start = 2 * (place[0] * len(columns) + place[1])
        assert texts(figure)[start : start + 2] == [f"{job['uf1']:.3f}"[1:], "±.080"]
    assert "synthetic data" in axes.get_title(loc="left")


def test_differences_inside_the_intervals_do_not_take_the_whole_scale(table: pd.DataFrame) -> None:
    low, high = heat_map(table, KEYS).axes[0].images[0].get_clim()
    assert (low, high) == pytest.approx((0.5, 0.75)), "scores that differ by more than the intervals take all of it"
    table["uf1"] = 0.6 + table["uf1"] / 100
    table["uf1_low"], table["uf1_high"] = table["uf1"] - 0.1, table["uf1"] + 0.1
    low, high = heat_map(table, KEYS).axes[0].images[0].get_clim()
    assert high - low == pytest.approx(0.2)
    assert low < table["uf1"].min() < table["uf1"].max() < high


def test_jobs_without_a_score_stay_empty(table: pd.DataFrame) -> None:
    table["synthetic"] = table["synthetic"].astype(object)
    table.loc[1, ["status", "uf1", "uf1_low", "uf1_high", "synthetic"]] = ["failed", *[np.nan] * 4]
    table.loc[2, ["uf1_low", "uf1_high"]] = np.nan
    unknown = pd.DataFrame([{"status": "failed"}])  # could not begin: no configuration, so no values of the keys
    figure = heat_map(pd.concat([table, unknown], ignore_index=True), KEYS)
    (axes,) = figure.axes
    assert np.ma.filled(cells(figure), np.nan).shape == (2, 3)
    assert np.isnan(np.ma.filled(cells(figure), np.nan)[0, 1])
    assert texts(figure)[:5] == [".500", "±.080", "-", ".600", ".650"], "no half-width where there is no interval"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["10", "18"], "a gap must not make 10.0 of 10"
    assert "incomplete" in axes.get_title(loc="left")


def test_more_than_one_job_a_pair_is_no_heat_map(table: pd.DataFrame) -> None:
    assert heat_map(pd.concat([table, table.iloc[:1]]), KEYS) is None


def test_an_absent_value_and_leaky_rows_are_said(table: pd.DataFrame) -> None:
    table[KEYS[0]] = table[KEYS[0]].replace({"[4]": None})
    table["selection"] = "leaky"
    (axes,) = heat_map(table, KEYS).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["none", "null", "1, 2"]
    assert "LEAKY" in axes.get_title(loc="left")


def test_no_global_figure_is_opened(table: pd.DataFrame) -> None:
    heat_map(table, KEYS)
    opened = sys.modules["matplotlib.pyplot"].get_fignums() if "matplotlib.pyplot" in sys.modules else []
    assert opened == []
