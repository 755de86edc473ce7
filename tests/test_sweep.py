"""Table and heat map of a sweep's folder; the sweeps themselves run in `test_run`."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from mer import run_files
from mer.sweep import PICTURE, TABLE, show, sweep_table
from mer.utils.atomic_files import write_json


def job(folder: Path, score: float, **config: object) -> None:
    """A finished job of a sweep, as far as the table reads it."""
    scores = {key: {"value": score, "low": score - 0.1, "high": score + 0.1} for key in ("uf1", "uar", "accuracy")}
    results = {"failed_folds": [], "scores": {"all": scores}, "parameters": 10, "seconds": 1.0, "synthetic": True}
    write_json(folder / run_files.RESULTS, results)
    write_json(folder / run_files.MANIFEST, {"config": {"seed": 0, **config}})


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two learning rates times two depths."""
    for place, (rate, depth) in enumerate([(0.1, 10), (0.1, 18), (0.2, 10), (0.2, 18)]):
        job(tmp_path / str(place), 0.5 + place / 10, **{"optim.lr": rate, "model.depth": depth})
    return tmp_path


def shown(folder: Path) -> str:
    out = StringIO()
    show(folder, sweep_table(folder), Console(file=out, width=200))
    return out.getvalue()


def test_seconds_are_those_of_stages_and_folds_and_no_key_is_cut_short(sweep: Path) -> None:
    results = json.loads((sweep / "0" / run_files.RESULTS).read_text(encoding="utf-8"))
    write_json(sweep / "0" / run_files.RESULTS, results | {"stages": [{"seconds": 40.0}, {"seconds": 2.5}]})
    assert list(sweep_table(sweep)["seconds"]) == [43.5, 1.0, 1.0, 1.0]
    out = StringIO()
    show(sweep, sweep_table(sweep), Console(file=out, width=60))
    assert "…" not in out.getvalue()


@pytest.mark.parametrize(
    ("extra", "column", "word"),
    [
        ({"selection": "leaky"}, "selection", "LEAKY"),
        ({"null": "permuted_labels"}, "null", "NULL"),
        ({"leaks": {"findings": [{"name": "near_pixels-3fa2c1"}]}}, "waived", "WAIVED"),
    ],
)
def test_what_a_score_must_not_be_read_without_is_in_table_and_text(sweep: Path, extra, column, word) -> None:
    assert column not in sweep_table(sweep) and word not in shown(sweep)
    results = json.loads((sweep / "1" / run_files.RESULTS).read_text(encoding="utf-8"))
    write_json(sweep / "1" / run_files.RESULTS, results | {"selection": "fixed", "null": "none"} | extra)
    table = sweep_table(sweep)
    assert table[column].isna().tolist() == [True, False, True, True]
    assert word in shown(sweep)


def test_many_varied_keys_share_a_column_that_can_be_read(sweep: Path) -> None:
    for place in range(4):
        extra = {f"model.key{k}": place for k in range(5)} | ({"stages.only.lr": place / 4} if place > 1 else {})
        job(sweep / str(place), 0.5, **{"optim.lr": place / 10, **extra})
    out = StringIO()
    show(sweep, sweep_table(sweep), Console(file=out, width=100))
    assert all(f"key{k} {place}" in out.getvalue() for k in range(5) for place in range(4))
    # keys that end alike keep their whole names
    assert "optim.lr 0.2" in out.getvalue() and "stages.only.lr 0.75" in out.getvalue()
    assert "differs" in out.getvalue() and "nan" not in out.getvalue()
    assert "model.key4" in pd.read_csv(sweep / TABLE)


def test_two_varied_keys_give_a_heat_map_beside_the_table(sweep: Path) -> None:
    text = shown(sweep)
    assert str(sweep / PICTURE) in text
    assert list(pd.read_csv(sweep / TABLE)["uf1"]) == pytest.approx([0.5, 0.6, 0.7, 0.8])
    first = (sweep / PICTURE).read_bytes()
    with Image.open(sweep / PICTURE) as picture:
        assert picture.format == "PNG"
    shown(sweep)
    assert (sweep / PICTURE).read_bytes() == first


def test_another_number_of_keys_gives_none_and_removes_one_of_other_jobs(sweep: Path) -> None:
    shown(sweep)
    job(sweep / "4", 0.9, **{"optim.lr": 0.1, "model.depth": 10, "seed": 1})
    assert PICTURE not in shown(sweep)
    assert not (sweep / PICTURE).exists()


def test_a_sweep_without_a_score_has_a_table_only(sweep: Path) -> None:
    for folder in (path for path in sweep.iterdir() if path.is_dir()):
        write_json(folder / run_files.ERROR, {"error": "out of memory", "overrides": []})
    assert PICTURE not in shown(sweep)
    assert set(pd.read_csv(sweep / TABLE)["status"]) == {"failed"}


def test_no_row_is_said_to_be_a_clean_choice(sweep: Path) -> None:
    text = " ".join(shown(sweep).split())
    assert "by the folds' mean inner score (validation_uf1) it still is in part" in text
    assert "(protocol.candidates)" in text and "or choose on an inner split" not in text
