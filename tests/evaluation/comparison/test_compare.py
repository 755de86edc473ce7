from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from mer import run_files
from mer.data.samples.table import SampleTable
from mer.evaluation.comparison.compare import compare
from mer.evaluation.comparison.groups import group_by_config
from mer.evaluation.comparison.hard_clips import clip_table
from mer.evaluation.comparison.html_page import write_comparison
from mer.evaluation.comparison.runs import ComparisonError, FinishedRun, read_run, require_comparable, run_folders
from mer.evaluation.comparison.tables import comparison_console, configuration_rows, pair_rows
from mer.evaluation.predictions import pool_folds, read_predictions, write_predictions
from mer.utils.atomic_files import write_json
from tests.evaluation.conftest import make_predictions, make_run, make_table


def make(
    folder: Path, table: SampleTable, *, right: float = 0.7, luck: int = 0, seed: int = 0, **config
) -> FinishedRun:
    """A run whose predictions are right with probability `right`, drawn with `luck`, under a configuration."""
    make_run(folder, table)
    write_predictions(
        folder / run_files.PREDICTIONS, pool_folds(make_predictions(table, right=right, seed=luck), table)
    )
    manifest = json.loads((folder / run_files.MANIFEST).read_text(encoding="utf-8"))
    write_json(folder / run_files.MANIFEST, {**manifest, "config": {"seed": seed, **config}})
    return read_run(folder)


@pytest.fixture
def runs(table: SampleTable, tmp_path: Path) -> list[FinishedRun]:
    """Three seeds of one configuration and one run each of two others."""
    return [
        *(
            make(tmp_path / f"a{seed}", table, right=0.8, luck=seed, seed=seed, **{"optim.lr": 0.1})
            for seed in (2, 0, 1)
        ),
        make(tmp_path / "b", table, right=0.3, luck=7, **{"optim.lr": 0.2}),
        make(tmp_path / "c", table, right=0.75, luck=8, **{"optim.lr": 0.3}),
    ]


def test_seeds_of_one_configuration_stand_together(runs: list[FinishedRun]) -> None:
    groups = group_by_config(runs)
    assert [one.name for one in groups] == [f"invented_loso, lr={lr}" for lr in (0.1, 0.2, 0.3)]
    assert [run.config["seed"] for run in groups[0].runs] == [0, 1, 2]


def test_mean_deviation_and_ensemble_of_seeds_equal_scikit_learn(runs: list[FinishedRun]) -> None:
    row = compare(runs, draws=500)["rows"][0]
    frames = [run.predictions for run in sorted(runs[:3], key=lambda run: run.config["seed"])]
    values = [f1_score(frame["label"], frame["predicted"], average="macro") for frame in frames]
    score = row["scores"]["uf1"]
    assert score["values"] == pytest.approx(values, abs=1e-6)
    assert (score["value"], score["deviation"]) == pytest.approx((np.mean(values), np.std(values, ddof=1)), abs=1e-6)
    assert score["low"] < score["value"] < score["high"]
    columns = [name for name in frames[0] if name.startswith("prob_")]
    mean = sum(frame[columns].to_numpy() for frame in frames)
    together = np.array([name.removeprefix("prob_") for name in columns])[mean.argmax(axis=1)]
    assert row["ensemble"]["uf1"]["value"] == pytest.approx(
        f1_score(frames[0]["label"], together, average="macro"), abs=1e-6
    )


def test_every_pair_is_tested(runs: list[FinishedRun]) -> None:
    found = compare(runs[2:], draws=2000)
    names = [row["name"] for row in found["rows"]]
    assert [(pair["first"], pair["second"]) for pair in found["pairs"]] == [
        (names[0], names[1]),
        (names[0], names[2]),
        (names[1], names[2]),
    ]
    far = found["pairs"][0]
    frames = [run.predictions for run in runs[2:4]]
    values = [f1_score(frame["label"], frame["predicted"], average="macro") for frame in frames]
    assert far["uf1"]["difference"] == pytest.approx(values[0] - values[1], abs=1e-6)
    right = [(frame["label"] == frame["predicted"]).to_numpy() for frame in frames]
    only = [int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())]
    assert [far["mcnemar"]["only_first"], far["mcnemar"]["only_second"]] == only
    assert far["mcnemar"]["p"] == pytest.approx(binomtest(only[0], sum(only)).pvalue, abs=1e-6)
    assert far["uf1"]["p"] < 0.05 < found["pairs"][1]["uf1"]["p"]
    # Holm: the smallest p of three is tripled
    assert far["uf1"]["p_holm"] == pytest.approx(3 * far["uf1"]["p"], abs=2e-6)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert compare(runs[2:], draws=2000) == found


def test_two_copies_of_one_result_do_not_differ(table: SampleTable, tmp_path: Path) -> None:
    pair = [make(tmp_path / name, table, **{"optim.lr": lr}) for name, lr in (("a", 1), ("b", 2))]
    test = compare(pair)["pairs"][0]
    assert (test["uf1"]["difference"], test["uf1"]["p"], test["mcnemar"]["p"]) == (0, 1, 1)
    assert test["uf1"]["low"] is None and test["mcnemar"]["g"] is None


def test_notes_say_what_limits_the_comparison(runs: list[FinishedRun], table: SampleTable, tmp_path: Path) -> None:
    notes = " ".join(compare(runs, draws=200)["notes"])
    assert "A configuration with one seed" in notes
    assert re.search(r"with these 10 subjects a true UF1 difference of 0\.\d+ to 0\.\d+, by pair, would", notes)
    few = table.select(table.frame["subject"].isin(["001", "002", "007"]))
    small = [make(tmp_path / f"s{k}", few, right=r, luck=k, x=k) for k, r in enumerate((0.9, 0.3))]
    notes = " ".join(compare(small, draws=200)["notes"])
    assert "no p below 0.25 can come out" in notes


def test_pairs_that_cannot_reach_a_p_are_named(table: SampleTable, tmp_path: Path) -> None:
    plain = make(tmp_path / "plain", table, right=0.6, x=0)
    runs = [plain]
    for k, changed in enumerate((1, 2, 10), 1):
        other = make(tmp_path / str(k), table, right=0.6, x=k)
        people = other.predictions["subject"].drop_duplicates().iloc[:changed]
        rows = other.predictions["subject"].isin(people)
        # turned by one class: every such person's confusion matrix is another
        turned = {"negative": "positive", "positive": "surprise", "surprise": "negative"}
        other.predictions.loc[rows, "predicted"] = other.predictions.loc[rows, "predicted"].map(turned)
        runs.append(other)
    found = compare(runs, draws=1000)
    names = [row["name"] for row in found["rows"]]
    floors = {(pair["first"], pair["second"]): pair["uf1"] for pair in found["pairs"]}
    assert [floors[names[0], name]["swaps"] for name in names[1:]] == [1, 2, 512]
    notes = [note for note in found["notes"] if note.startswith("Too few subjects")]
    first, second = notes
    assert "no p below 1.00 can come out" in first and "no p below 0.50 can come out" in second
    assert first.endswith(f"for {names[0]} against {names[1]}; {names[1]} against {names[2]}.")
    assert second.endswith(f"for {names[0]} against {names[2]}.")


def test_settings_that_differ_are_listed(runs: list[FinishedRun]) -> None:
    assert compare(runs, draws=100)["differing"] == {"optim.lr": [0.1, 0.2, 0.3]}


def test_names_are_unique_even_where_nothing_tells_the_runs_apart(table: SampleTable, tmp_path: Path) -> None:
    first, second = (make(tmp_path / place / "run", table, luck=k) for k, place in enumerate("ab"))
    second.results["data_hash"] = "other"
    found = compare([first, second], draws=100)
    assert len({row["name"] for row in found["rows"]}) == 2
    assert any("other frames, images or annotations" in note for note in found["notes"])


def test_other_samples_labels_classes_or_subjects_are_refused_with_all_reasons(
    table: SampleTable, tmp_path: Path
) -> None:
    first = make(tmp_path / "first", table)
    fewer = make(tmp_path / "fewer", table.select(np.arange(len(table)) % 6 != 1))
    frame = table.frame.copy()
    frame.loc[[0, 3], "label"] = ["positive", "negative"]
    relabelled = make(tmp_path / "relabelled", SampleTable(frame, table.classes, name="x"))
    frame = table.frame.copy()
    frame.loc[0, "subject"] = "777"
    renamed = make(tmp_path / "renamed", SampleTable(frame, table.classes, name="x"))
    other = make(tmp_path / "other", make_table(["a", "b"] * 6, [str(k // 2) for k in range(12)], classes=("a", "b")))
    with pytest.raises(ComparisonError) as caught:
        require_comparable([first, fewer, relabelled, renamed, other, first])
    text = str(caught.value)
    for words in (
        "the samples differ: 50 there, 60 here, 10 only here (alpha/001_001, alpha/002_007, ",
        "and 7 more",
        "the label of 2 samples differs, e.g. alpha/001_000: positive there, negative here",
        "the subject of 1 samples differs, e.g. alpha/001_000: 777 there, 001 here",
        "the classes differ: a, b there, negative, positive, surprise here",
        "was given twice",
    ):
        assert words in text
    with pytest.raises(ComparisonError, match="two runs or more"):
        compare([first])


def test_a_copied_or_repeated_run_is_no_second_seed(
    runs: list[FinishedRun], table: SampleTable, tmp_path: Path
) -> None:
    again = make(tmp_path / "again", table, right=0.8, luck=99, seed=2, **{"optim.lr": 0.1})
    with pytest.raises(ComparisonError, match=r"again has the configuration, data and seed of .*a2: .* no second seed"):
        compare([*runs, again])
    again.results["data_hash"] = "other"  # the same configuration on other data is another run
    assert len(compare([*runs, again], draws=50)["rows"]) == 4


def marked(run: FinishedRun, **results) -> FinishedRun:
    """The run with other entries in its results, also on disk."""
    run.results.update(results)
    write_json(run.folder / run_files.RESULTS, run.results)
    return run


WAIVED = {"findings": [{"name": "near_pixels-3fa2c1", "kind": "near_pixels", "text": "x", "rows": []}], "checked": []}


def test_scores_that_are_no_result_are_marked_wherever_they_stand(runs: list[FinishedRun]) -> None:
    plain, leaky, null = runs[2], marked(runs[3], selection="leaky"), marked(runs[4], null="permuted_labels")
    marked(plain, leaks={**WAIVED, "unused": []})
    found = compare([plain, leaky, null], draws=100)
    rows, pairs = configuration_rows(found).set_index("name"), pair_rows(found)
    names = ["invented_loso, lr=0.1", "LEAKY invented_loso, lr=0.2", "NULL invented_loso, lr=0.3"]
    assert rows.index.tolist() == names
    assert rows["selection"].tolist() == ["fixed", "leaky", "fixed"]
    assert rows["null"].tolist() == ["none", "none", "permuted_labels"]
    assert rows["waived"].tolist() == ["near_pixels-3fa2c1", "", ""]
    for row in pairs.to_dict("records"):
        for side in ("first", "second"):
            own = rows.loc[row[side]]
            assert [row[f"{side}_{mark}"] for mark in ("selection", "null", "waived")] == [
                own[mark] for mark in ("selection", "null", "waived")
            ]
    clips = clip_table([plain, leaky, null])
    assert set(clips["selection"]) == {"fixed leaky"} and set(clips["null"]) == {"none permuted_labels"}
    assert set(clips["waived"]) == {"near_pixels-3fa2c1"}
    page = write_comparison(runs[0].folder.parent / "page.html", found)
    head = page.read_text(encoding="utf-8").split("</header>")[0]
    for words in (f"LEAKY, their epochs chosen on the tested samples: {names[1]}.", f"find: {names[2]}.", names[0]):
        assert words in head
    clean = write_comparison(runs[0].folder.parent / "clean.html", compare(runs[:2], draws=50))
    assert "No result" not in clean.read_text(encoding="utf-8")


def test_an_unfinished_run_is_named_as_the_reason(table: SampleTable, tmp_path: Path) -> None:
    first = make(tmp_path / "first", table)
    make_run(tmp_path / "part", table, failed=["alpha-001"])
    with pytest.raises(ComparisonError, match=r"6 only here .* a run is incomplete, finish it first"):
        require_comparable([first, read_run(tmp_path / "part")])


def test_folders_of_runs_and_of_sweeps(table: SampleTable, tmp_path: Path) -> None:
    for name in ("10", "2", "1"):
        make(tmp_path / "sweep" / name, table)
    assert [path.name for path in run_folders(tmp_path / "sweep")] == ["1", "2", "10"]
    assert run_folders(tmp_path / "sweep" / "2") == [tmp_path / "sweep" / "2"]
    with pytest.raises(ComparisonError, match="expected the folder of a run"):
        run_folders(tmp_path / "nothing")
    (tmp_path / "sweep" / "2" / run_files.MANIFEST).unlink()
    with pytest.raises(ComparisonError, match=r"got none of manifest\.json"):
        read_run(tmp_path / "sweep" / "2")


def test_tables_hold_what_the_dict_holds(runs: list[FinishedRun]) -> None:
    found = compare(runs, draws=200)
    rows, pairs = configuration_rows(found), pair_rows(found)
    assert rows["uf1"].tolist() == [row["scores"]["uf1"]["value"] for row in found["rows"]]
    assert rows["seeds"].tolist() == ["0 1 2", "0", "0"]
    assert rows["uf1_seeds_together"].notna().tolist() == [True, False, False]
    assert len(pairs) == 9
    one = pairs[(pairs["score"] == "uar") & (pairs["second"] == found["rows"][1]["name"])].iloc[0]
    assert one["p_holm"] == found["pairs"][0]["uar"]["p_holm"]


@pytest.mark.parametrize("width", [80, 150])
def test_the_terminal_shows_scores_differences_and_notes(runs: list[FinishedRun], width: int) -> None:
    found = compare(runs, draws=200)
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(comparison_console(found))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "60 samples of 10 subjects" in text
    assert f"{found['rows'][0]['scores']['uf1']['value']:.3f}".removeprefix("0") in text
    for words in ("seeds together", "Holm", "McNemar", "Power"):
        assert words in text


def test_predictions_are_compared_by_sample_and_not_by_row(table: SampleTable, tmp_path: Path) -> None:
    first, second = (make(tmp_path / name, table, x=name) for name in "ab")
    frame = read_predictions(second.folder / run_files.PREDICTIONS)
    pd.DataFrame(frame.iloc[::-1]).to_csv(second.folder / run_files.PREDICTIONS, index=False)
    assert compare([first, read_run(second.folder)])["pairs"][0]["uf1"]["p"] == 1
