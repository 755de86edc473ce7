"""Table and heat map of a sweep's folder; the sweeps themselves run in `test_run`."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from mer import run_files
from mer.errors import DamagedFileError
from mer.sweep import MEANS, PICTURE, TABLE, show, sweep_table
from mer.utils.atomic_files import write_json
from mer.utils.csv_files import read_csv


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


def shown(folder: Path, width: int = 200) -> str:
    out = StringIO()
    show(folder, sweep_table(folder), Console(file=out, width=width))
    return out.getvalue()


def printed_table(folder: Path, width: int = 80) -> list[str]:
    """The lines of the printed table, which ends before the sentences below it."""
    text = shown(folder, width)
    return text[: text.index("Synthetic data")].splitlines()


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
    job(sweep / "4", 0.9, **{"optim.lr": 0.1, "model.depth": 10, "model.width": 1})
    job(sweep / "3", 0.9, **{"optim.lr": 0.1, "model.depth": 10, "model.width": 2})
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


def test_seeds_are_averaged_where_the_seed_was_varied(tmp_path: Path) -> None:
    scores = {(rate, seed): 0.4 + rate + seed / 10 for rate in (0.1, 0.2) for seed in (0, 1, 3)}
    for place, ((rate, seed), score) in enumerate(scores.items()):
        job(tmp_path / str(place), score, **{"optim.lr": rate, "seed": seed})
    write_json(tmp_path / "6" / run_files.ERROR, {"error": "no memory", "overrides": ["optim.lr=0.2", "seed=7"]})
    lines = [line.split() for line in printed_table(tmp_path)]
    first, second = ([0.4 + rate + seed / 10 for seed in (0, 1, 3)] for rate in (0.1, 0.2))
    for rate, values in (("0.1", first), ("0.2", second)):
        mean, spread = np.mean(values), np.std(values, ddof=1)
        (row,) = (k for k, line in enumerate(lines) if rate in line)
        assert lines[row].count(f"{mean:.3f}".removeprefix("0")) == 3
        assert lines[row + 1].count(f"±{spread:.3f}".replace("0.", ".")) == 3
    means = pd.read_csv(tmp_path / MEANS)
    assert means["jobs"].tolist() == ["0 1 2", "3 4 5 6"] and means["optim.lr"].tolist() == [0.1, 0.2]
    assert means["status"].tolist() == ["3 done", "3 done, 1 failed"]
    assert means["uf1"].tolist() == pytest.approx([np.mean(first), np.mean(second)])
    assert means["uf1_deviation"].tolist() == pytest.approx([np.std(first, ddof=1), np.std(second, ddof=1)])
    assert "seed" not in means and len(pd.read_csv(tmp_path / TABLE)) == 7
    # without seeds nothing is averaged, and means of other jobs go
    for place in range(7):
        job(tmp_path / str(place), 0.5, **{"optim.lr": place / 10})
    (tmp_path / "6" / run_files.ERROR).unlink()
    assert "±" not in "".join(printed_table(tmp_path)) and not (tmp_path / MEANS).exists()


def test_two_keys_and_seeds_give_a_heat_map_of_means(sweep: Path) -> None:
    for place, (rate, depth) in enumerate([(0.1, 10), (0.1, 18), (0.2, 10), (0.2, 18)], 4):
        job(sweep / str(place), 0.6, **{"optim.lr": rate, "model.depth": depth, "seed": 1})
    assert str(sweep / PICTURE) in shown(sweep)


@pytest.mark.parametrize("keys", [2, 3, 9])
def test_the_table_fits_eighty_columns(tmp_path: Path, keys: int) -> None:
    places = ["[]", "[1]", "[1, 2, 3, 4]"]
    for place in range(12):
        config = {f"model.attention.a_long_name_of_key_{k}": place * 10**k for k in range(keys)}
        job(tmp_path / str(place), 0.5, **config, **{"model.attention.stages": places[place % 3]})
        results = json.loads((tmp_path / str(place) / run_files.RESULTS).read_text(encoding="utf-8"))
        marks = {"selection": "leaky", "null": "permuted_labels", "parameters": 10**7 + place, "seconds": 123456.0}
        leaks = {"leaks": {"findings": [{"name": "near_pixels-3fa2c1"}, {"name": "shared_people-aaaaaa"}]}}
        write_json(tmp_path / str(place) / run_files.RESULTS, results | marks | leaks)
    lines = printed_table(tmp_path)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "…" not in text and text.count("[.40,.60]") == 36
    assert all(f"a_long_name_of_key_{k} {11 * 10**k}" in " ".join(text.split()) for k in range(keys))


def test_a_failed_job_shows_all_that_varied_and_its_whole_reason(tmp_path: Path) -> None:
    job(tmp_path / "0", 0.5, **{"optim.lr": 0.1, "model.attention.stages": [1]})
    error = "ConfigError: the configuration has 2 problems:\n  1. optim.lr: expected more\n  2. stages: expected less"
    asked = ["+experiment=x", "optim.lr=-1", "model.attention.stages=[5]", "cache_dir=/c"]
    write_json(tmp_path / "1" / run_files.ERROR, {"error": error, "overrides": asked})
    write_json(tmp_path / "2" / run_files.MANIFEST, {"config": {"optim.lr": 0.3, "model.attention.stages": [2]}})
    job(tmp_path / "3", 0.5, **{"optim.lr": 1.0, "model.attention.stages": []})
    write_json(tmp_path / "4" / run_files.ERROR, {"error": "", "overrides": ["optim.lr=1", "+experiment=x"]})
    table = sweep_table(tmp_path)
    assert list(table.columns)[1:4] == ["model.attention.stages", "optim.lr", "status"]
    assert table["optim.lr"].tolist() == [0.1, -1, 0.3, 1.0, 1]
    assert table["model.attention.stages"].tolist()[:4] == ["[1]", "[5]", "[2]", "[]"]
    text = shown(tmp_path, 80)
    assert "job 1 failed (model.attention.stages=[5] optim.lr=-1.0): ConfigError: the configuration has 2" in text
    assert "1. optim.lr: expected more 2. stages: expected less" in text
    assert "job 2 failed (model.attention.stages=[2] optim.lr=0.3): ended without results" in text
    assert "job 4 failed (optim.lr=1.0): ended without results and without a reason" in text
    assert read_csv(tmp_path / TABLE)["overrides"][1] == " ".join(asked)


def test_jobs_that_all_failed_show_what_was_varied(tmp_path: Path) -> None:
    for place, unit in enumerate(["micro", "cbam"]):
        asked = ["+experiment=x", f"attention={unit}", "seed=3"]
        write_json(tmp_path / str(place) / run_files.ERROR, {"error": "no data", "overrides": asked})
    assert sweep_table(tmp_path)["attention"].tolist() == ["micro", "cbam"]
    assert "job 1 failed (attention=cbam): no data" in shown(tmp_path)


def test_an_incomplete_job_says_where_its_reasons_are(sweep: Path) -> None:
    results = json.loads((sweep / "2" / run_files.RESULTS).read_text(encoding="utf-8"))
    write_json(sweep / "2" / run_files.RESULTS, results | {"failed_folds": ["a"]})
    text = shown(sweep)
    assert "job 2 is incomplete (model.depth=10 optim.lr=0.2): some folds failed;" in text
    assert str(sweep / "2" / run_files.FOLDS) in text


def test_an_override_in_the_quotes_of_hydra_is_shown_as_it_is(sweep: Path) -> None:
    given = ["optim.lr='it\\'s'", "name=[1,2"]  # no YAML
    write_json(sweep / "9" / run_files.ERROR, {"overrides": given, "error": "ConfigError: no number"})
    assert sweep_table(sweep)["optim.lr"].iloc[-1] == "'it\\'s'"


def test_results_that_were_edited_are_named(sweep: Path) -> None:
    write_json(sweep / "1" / run_files.RESULTS, {"scores": {}})
    with pytest.raises(DamagedFileError, match=r"1/results.json lacks failed_folds, parameters, synthetic: "):
        sweep_table(sweep)
