"""Tables of intervals: names of columns, one row an interval, empty ones too."""

from __future__ import annotations

import numpy as np
import pytest

from mer.video.answers.recognisers import load_prior
from mer.video.results import FOUND, NO_FACE, NOTHING, interval_table, unit_column
from tests.video.predicted import made_result, nothing


def test_a_row_holds_when_and_what() -> None:
    table = interval_table([made_result(several=True)], [])
    first = table.iloc[0]
    assert (first["onset"], first["apex"], first["offset"], first["apex_time"]) == (40, 50, 60, 1.0)
    assert (first["kind"], first["emotion"], first["probability"]) == ("micro", "positive", 0.7)
    assert first[["prob_negative", "prob_positive", "prob_surprise", "AU04", "AU12"]].tolist() == [
        0.1,
        0.7,
        0.2,
        0.1,
        0.9,
    ]
    assert (first["action_units"], first["objective_class"], first["agrees"]) == ("12", "I", True)
    assert (first["sd_positive"], first["sd_AU12"]) == (0.05, 0.02)
    assert table["kind"].tolist() == ["micro", "macro", "micro"]
    assert table["flags"].tolist() == ["", "blurred", ""]
    # without a face at the apex there is no answer, and the row stays
    assert table.iloc[2]["emotion"] == "" and np.isnan(table.iloc[2]["prob_positive"])


def test_columns_are_the_same_without_an_interval() -> None:
    recognisers = load_prior()
    empty = interval_table([nothing(NOTHING)], recognisers)
    assert len(empty) == 0
    assert {"prob_negative", "prob_positive", "prob_surprise", "AU01", "AU12"} <= set(empty.columns)
    found = interval_table([made_result()], recognisers)
    assert list(found.columns) == list(empty.columns)


def test_status_tells_no_face_from_nothing_found() -> None:
    assert [one.status for one in (nothing(NO_FACE), nothing(NOTHING), made_result())] == [NO_FACE, NOTHING, FOUND]
    assert made_result().faces == [0, 1]


@pytest.mark.parametrize(("name", "column"), [("AU1", "AU01"), ("AU12", "AU12"), ("AUtumn", "AUtumn"), ("joy", "joy")])
def test_units_have_two_digits_as_in_other_tools(name: str, column: str) -> None:
    assert unit_column(name) == column
