"""Tables as CSV: no cell is a formula, every text comes back, plain tables are as pandas writes them."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.utils.csv_files import read_csv, write_csv

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=6)
RISKY = st.builds("".join, st.lists(st.sampled_from(["'", "=", "+", "-", "@", "1", "x"]), max_size=5))


@pytest.mark.parametrize(
    "cell", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "＝1", "'=1", "-", "-1,5", "=HYPERLINK(1)"]
)
def test_a_formula_is_written_as_text_and_read_as_it_was(tmp_path: Path, cell: str) -> None:
    write_csv(tmp_path / "a.csv", pd.DataFrame({"id": [cell, "plain"], "score": [-0.5, 1.0]}))
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1] == [f"'{cell}", "-0.5"] and rows[2] == ["plain", "1.0"]
    assert read_csv(tmp_path / "a.csv")["id"].tolist() == [cell, "plain"]


@given(cells=st.lists(TEXT | RISKY, min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    write_csv(path, pd.DataFrame({"text": cells, "number": range(len(cells))}))
    back = read_csv(path, dtype=str, keep_default_na=False)
    assert back["text"].tolist() == cells


def test_a_table_without_formulas_is_as_pandas_writes_it(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"subject": ["006", "-1", "+2.5e-3", "NA", "it's", "'"], "none": [None, "a", None, "b", "", "c"]}
    ).assign(score=[-0.5, 0.1, 2, 3, float("nan"), 5], right=[True, False] * 3)
    write_csv(tmp_path / "a.csv", table, float_format="%.9g")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == table.to_csv(index=False, float_format="%.9g")
