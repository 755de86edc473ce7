from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.data.samples.table import SampleTable
from mer.evaluation.predictions import (
    PredictionError,
    confusion,
    confusions_by_subject,
    encode_labels,
    pool_folds,
    prediction_columns,
    read_predictions,
    write_predictions,
)
from tests.evaluation.conftest import CLASSES, make_predictions


def test_pool_holds_each_sample_once_in_order(table: SampleTable) -> None:
    frames = make_predictions(table)
    pooled = pool_folds(reversed(frames), table)
    assert pooled["sample_id"].tolist() == sorted(table.frame["sample_id"])
    assert list(pooled.columns) == prediction_columns(CLASSES)
    pd.testing.assert_frame_equal(pooled, pool_folds(frames, table))


def _drop(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    return frames[1:]


def _double(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    return [*frames, frames[0].iloc[:1]]


def _unknown(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    return [frames[0].replace({"sample_id": {"alpha/001_000": "alpha/999_000"}}), *frames[1:]]


def _relabel(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    return [frames[0].assign(label="surprise"), *frames[1:]]


def _resubject(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    return [frames[0].assign(subject="1"), *frames[1:]]


def _unsure(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    return [frames[0].assign(prob_negative=frames[0]["prob_negative"] / 2), *frames[1:]]


def _not_a_number(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    return [frames[0].assign(prob_negative=float("nan")), *frames[1:]]


def _shuffled_columns(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    names = {"prob_negative": "prob_positive", "prob_positive": "prob_surprise", "prob_surprise": "prob_negative"}
    return [frame.rename(columns=names) for frame in frames]


def _other_classes(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    return [frame.rename(columns={"prob_surprise": "prob_other"}) for frame in frames]


def _other_class(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    return [frames[0].assign(predicted="joy"), *frames[1:]]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_drop, r"6 samples without a prediction: alpha/001_000, alpha/001_001"),
        (_double, r"1 sample predicted more than once: alpha/001_000"),
        (_unknown, r"1 sample not in the sample table: alpha/999_000"),
        (_relabel, r"5 samples whose label differs from the sample table's: alpha/001_000"),
        (_resubject, r"6 samples whose subject differs"),
        (_unsure, r"6 samples whose probabilities do not sum to 1"),
        (_not_a_number, r"6 samples whose probabilities do not sum to 1"),
        (_shuffled_columns, r"60 samples whose predicted class is not the likeliest: .* and 50 more"),
        (_other_classes, r"expected predictions with the columns .* got .*prob_other"),
        (_other_class, r"expected classes negative, positive, surprise, got joy"),
    ],
)
def test_pool_refuses_what_does_not_fit(table: SampleTable, spoil, message: str) -> None:
    with pytest.raises(PredictionError, match=message):
        pool_folds(spoil(make_predictions(table, right=1.0)), table)


def test_missing_samples_pass_only_where_allowed(table: SampleTable) -> None:
    frames = make_predictions(table)
    assert len(pool_folds(frames[2:], table, allow_missing=True)) == 48
    assert len(pool_folds([], table, allow_missing=True)) == 0
    with pytest.raises(PredictionError, match="more than once"):
        pool_folds([frames[0], frames[0]], table, allow_missing=True)


def test_the_csv_is_a_fixed_point(table: SampleTable, tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first.csv", "second.csv", "third.csv"))
    frames = make_predictions(table)
    write_predictions(first, pool_folds(frames, table))
    write_predictions(second, read_predictions(first))
    assert first.read_bytes() == second.read_bytes()
    assert b"\r" not in first.read_bytes()
    # pooling the folds' files in any order gives the same bytes as pooling the folds in memory
    for index, frame in enumerate(frames):
        write_predictions(tmp_path / f"{index}.csv", frame[prediction_columns(CLASSES)])
    write_predictions(
        third, pool_folds([read_predictions(tmp_path / f"{index}.csv") for index in range(9, -1, -1)], table)
    )
    assert first.read_bytes() == third.read_bytes()


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20))
def test_any_probability_survives_a_second_writing(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    frame = pd.DataFrame({name: ["x"] * len(values) for name in prediction_columns(())}).assign(prob_a=values)
    write_predictions(folder / "a.csv", frame)
    again = read_predictions(folder / "a.csv")
    write_predictions(folder / "b.csv", again)
    assert (folder / "a.csv").read_bytes() == (folder / "b.csv").read_bytes()
    np.testing.assert_allclose(again["prob_a"], values, rtol=1e-6)


def test_ids_are_read_as_text(tmp_path: Path) -> None:
    row = {"sample_id": "NA", "dataset": "001", "subject": "006", "fold": "1", "label": "null", "predicted": "nan"}
    write_predictions(tmp_path / "p.csv", pd.DataFrame([{**row, "prob_nan": 1, "prob_null": 0}]))
    read = read_predictions(tmp_path / "p.csv")
    assert read.iloc[0].to_dict() == {**row, "prob_nan": 1.0, "prob_null": 0.0}
    assert read["prob_nan"].dtype == np.float64


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("a,b\n1,2\n")
    with pytest.raises(PredictionError, match="got no sample_id, dataset"):
        read_predictions(tmp_path / "p.csv")


def test_confusions_by_subject_equal_a_slow_loop(table: SampleTable) -> None:
    pooled = pool_folds(make_predictions(table), table)
    names, counts = confusions_by_subject(pooled, CLASSES)
    assert names == sorted({f"{row.dataset}:{row.subject}" for row in pooled.itertuples()})
    for row in pooled.itertuples():
        place = names.index(f"{row.dataset}:{row.subject}")
        counts[place, CLASSES.index(row.label), CLASSES.index(row.predicted)] -= 1
    assert not counts.any()
    np.testing.assert_array_equal(confusion(pooled, CLASSES), confusions_by_subject(pooled, CLASSES)[1].sum(axis=0))


def test_encode_refuses_an_unknown_class() -> None:
    assert encode_labels(["b", "a"], ("a", "b")).tolist() == [1, 0]
    with pytest.raises(PredictionError, match="expected classes a, b, got c"):
        encode_labels(["c"], ("a", "b"))
