"""Action units as a task: from the codes of clips to the files of a run, and who may choose a threshold."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console
from sklearn.metrics import f1_score, roc_auc_score

from mer import finished_folders, run_files
from mer.config import Config, DecisionConfig, MotionPriorData, ProtocolConfig, StageConfig, TaskConfig
from mer.data.facs.unit_targets import unit_targets
from mer.errors import ConfigError, MerError
from mer.evaluation.comparison.runs import ComparisonError, read_run
from mer.evaluation.comparison.unit_comparison import compare_units, of_units, unit_rows, write_unit_comparison
from mer.evaluation.predictions import read_predictions
from mer.evaluation.units.table import apply_thresholds, truth_of
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.models import build, checkpoint
from mer.protocols.registry import Fold
from mer.provenance import config_hash
from mer.run import run
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import Experiment, load_experiment
from mer.train.experiment.null_runs import permute_fold_labels
from mer.train.fold import unit_predictions
from mer.train.fold.predict import predict
from mer.train.fold.unit_predictions import choose_thresholds, mean_unit_predictions, predict_units

UNITS = [1, 2, 4, 7, 12]
NAMES = [f"AU{unit}" for unit in UNITS]


def units_config(config: Config, **options: Any) -> Config:
    """A narrow network for five units."""
    task = TaskConfig(name="action_units", units=UNITS, **{"support": 2, **options})
    return replace(config, task=task, model=replace(config.model, width=4), protocol=ProtocolConfig(inner=2))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> tuple[Path, dict[str, Any], str]:
    """Folder, results and console output of a run of two members with thresholds from inner parts."""
    from tests.conftest import tiny

    folder = tmp_path_factory.mktemp("units") / "run"
    console = Console(record=True, width=120, file=io.StringIO())
    # the rule of recipes for emotions, which must leave units alone
    config = units_config(replace(tiny(cache_dir), members=2, decision=DecisionConfig("prior")), threshold="inner")
    return folder, run(config, folder, console=console), console.export_text()


@pytest.fixture
def experiment(tiny_config: Config) -> Experiment:
    return load_experiment(units_config(tiny_config))


def test_results_are_those_of_the_written_predictions(finished: tuple[Path, dict[str, Any], str]) -> None:
    folder, results, _ = finished
    table = read_predictions(folder / run_files.PREDICTIONS)
    assert json.loads((folder / run_files.RESULTS).read_text()) == json.loads(json.dumps(results))
    assert results["classes"] == NAMES
    assert results["selection"] == "inner"
    means = {"f1": [], "auc": []}
    for k, name in enumerate(NAMES):
        truth, row = table[f"true_{name}"], results["scores"]["all"]["per_unit"][name]
        assert row["support"] == truth.sum()
        if truth.any():
            assert row["f1"]["value"] == pytest.approx(f1_score(truth, table[f"predicted_{name}"]), abs=1e-6)
            assert row["auc"]["value"] == pytest.approx(roc_auc_score(truth, table[f"prob_{name}"]), abs=1e-6)
        if results["scores"]["all"]["counted"][k]:
            for key in means:
                means[key].append(row[key]["value"])
    assert means["f1"]
    for key, values in means.items():
        assert results["scores"]["all"][key]["value"] == pytest.approx(np.mean(values), abs=1e-5)


def test_each_clip_is_decided_by_the_thresholds_of_its_fold(finished: tuple[Path, dict[str, Any], str]) -> None:
    folder, results, _ = finished
    used: dict[str, list[float]] = {name: [] for name in NAMES}
    for part in finished_folders.completed_folds(folder):
        record = json.loads((part / run_files.FOLD).read_text())
        assert record["thresholds_by"] == "inner"
        table = read_predictions(part / run_files.PREDICTIONS)
        assert apply_thresholds(table, record["thresholds"]).equals(table)
        members = read_predictions(part / run_files.MEMBERS)
        for name in NAMES:
            mean = members.groupby("sample_id")[f"prob_{name}"].mean().loc[table["sample_id"]].to_numpy()
            assert table[f"prob_{name}"].to_numpy() == pytest.approx(mean, abs=1e-6)
            used[name].append(record["thresholds"][name])
    for row, values in zip(results["units"], used.values(), strict=True):
        assert row["thresholds"] == pytest.approx([min(values), max(values)], abs=1e-6)


def test_report_console_and_checkpoint_name_every_unit(finished: tuple[Path, dict[str, Any], str]) -> None:
    folder, _, shown = finished
    page = (folder / run_files.REPORT).read_text(encoding="utf-8")
    for name in NAMES:
        assert f">{name}<" in page
        assert name in shown
    assert "Synthetic data" in page
    assert "Synthetic data" in shown
    kept = checkpoint.read(str(finished_folders.completed_folds(folder)[0] / run_files.CHECKPOINT))
    assert kept["card"]["classes"] == NAMES
    assert kept["card"]["task"] == "action_units"
    assert set(kept["card"]["thresholds"]) == set(NAMES)


def test_the_same_call_keeps_everything(finished: tuple[Path, dict[str, Any], str], cache_dir: Path) -> None:
    from tests.conftest import tiny

    folder, results, _ = finished
    config = units_config(replace(tiny(cache_dir), members=2), threshold="inner")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob(run_files.FOLD)}
    assert run(config, folder, console=Console(quiet=True)) == results
    assert {path: path.stat().st_mtime_ns for path in folder.rglob(run_files.FOLD)} == before


def test_two_runs_stand_beside_each_other_over_the_units_that_both_count(
    finished: tuple[Path, dict[str, Any], str], tmp_path: Path
) -> None:
    first = read_run(finished[0])
    shuffled = first.predictions.copy()
    columns = [f"prob_{name}" for name in NAMES]
    shuffled[columns] = shuffled[columns].to_numpy()[::-1]
    second = replace(first, folder=tmp_path, config={**first.config, "optim.lr": 1.0}, predictions=shuffled)
    assert of_units([first, second])
    found = compare_units([first, second], draws=40)
    aucs = [
        np.mean([roc_auc_score(run.predictions[f"true_{name}"], run.predictions[f"prob_{name}"]) for name in counted])
        for counted in [found["counted"]]
        for run in (first, second)
    ]
    assert found["pairs"][0]["auc"]["difference"] == pytest.approx(aucs[0] - aucs[1], abs=1e-5)
    assert found["pairs"][0]["f1"]["difference"] == 0
    assert found["pairs"][0]["f1"]["p"] is None
    assert unit_rows(found)["auc"].tolist() == pytest.approx(aucs, abs=1e-5)
    page = write_unit_comparison(tmp_path / "comparison.html", found).read_text(encoding="utf-8")
    assert all(name in page for name in NAMES)
    other = first.predictions.assign(true_AU12=1 - first.predictions["true_AU12"])
    with pytest.raises(ComparisonError, match="true_AU12 of"):
        compare_units([first, replace(second, predictions=other)])
    with pytest.raises(ComparisonError, match="some recognise"):
        of_units([first, replace(second, results={**second.results, "task": "emotion"})])


def test_held_out_units_are_hidden_and_the_others_are_those_of_the_codes(experiment: Experiment) -> None:
    fold = experiment.folds[0]
    module = FoldDataModule(experiment.samples, fold, experiment.config)
    truth = unit_targets(experiment.table.frame["aus"], UNITS, drawn=True)
    held = experiment.table.frame["sample_id"].isin(fold.test).to_numpy()
    assert (module.targets[held] == -1).all()
    assert np.array_equal(module.targets[~held], truth[~held])
    batch = next(iter(module.train_dataloader()))
    assert batch["target"].dtype == torch.float32
    assert np.array_equal(batch["target"].numpy(), truth[batch["row"].numpy()])
    assert len(module.class_weights) == 2  # type: ignore[arg-type]


def test_a_network_of_units_is_predicted_as_units_and_not_as_classes(experiment: Experiment) -> None:
    network = build(experiment.config.model, in_channels=3, classes=len(UNITS))
    fold = experiment.folds[0]
    loader = FoldDataModule(experiment.samples, fold, experiment.config).test_dataloader()
    table = predict_units(network, loader, experiment.samples, fold=fold.name)
    with torch.no_grad():
        logits = torch.cat([network(batch["image"]) for batch in loader])
    assert table["sample_id"].tolist() == list(fold.test)
    assert table[[f"prob_{name}" for name in NAMES]].to_numpy() == pytest.approx(logits.sigmoid().numpy(), abs=1e-6)
    with pytest.raises(MerError, match="predict_units"):
        predict(network, loader, experiment.table)


def guesses(experiment: Experiment, fold: Fold) -> pd.DataFrame:
    """Predictions of a fold's test part without a training: a unit's probability depends on the sample's name."""
    from mer.evaluation.units.table import make_table

    rows = experiment.table.frame[experiment.table.frame["sample_id"].isin(fold.test)]
    truth = experiment.samples.targets[rows.index]
    noise = np.array([[(hash_of(name) * (k + 3)) % 97 / 97 for k in range(len(UNITS))] for name in rows["sample_id"]])
    return make_table(rows, UNITS, fold=fold.name, truth=truth, probabilities=0.3 * noise + 0.1 * (truth == 1))


def hash_of(name: str) -> int:
    return sum(map(ord, name)) * 31


def test_no_held_out_code_can_move_a_threshold(tiny_config: Config) -> None:
    experiment = load_experiment(units_config(tiny_config, threshold="inner"))
    fold = experiment.folds[0]
    seen: set[str] = set()

    def watched(study: Experiment, part: Fold) -> pd.DataFrame:
        seen.update(part.train, part.test)
        return guesses(study, part)

    found, record = choose_thresholds(experiment, fold, watched)
    assert record["thresholds_by"] == "inner"
    assert seen == set(fold.train)  # never one of fold.test
    assert any(value != 0.5 for value in found.values())
    frame = experiment.table.frame.copy()
    frame.loc[frame["sample_id"].isin(fold.test), "aus"] = "1+2+4+7+12"
    other = replace(experiment, table=replace(experiment.table, frame=frame))
    assert choose_thresholds(other, fold, guesses)[0] == found
    fixed = load_experiment(units_config(tiny_config))
    assert set(choose_thresholds(fixed, fold, watched)[0].values()) == {0.5}


def test_thresholds_of_drawn_maps_see_no_clip_of_the_run(tiny_config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_predictions, "DRAWN_MAPS", 100)
    drawn = MotionPriorData("motion_prior", maps=60)
    stages = {"prior": StageConfig(data=drawn, optim=tiny_config.optim)}
    config = replace(units_config(tiny_config, threshold="drawn"), stages=stages)
    config = replace(config, protocol=ProtocolConfig(name="zero_shot"))
    check_config(config)
    experiment = load_experiment(config)
    seen: list[pd.DataFrame] = []

    def watched(study: Experiment, part: Fold) -> pd.DataFrame:
        seen.append(guesses(study, part))
        return seen[-1]

    found, record = choose_thresholds(experiment, experiment.folds[0], watched)
    (tested,) = seen
    assert len(tested) == 100
    trained = set(experiment.stages[0].samples.table.frame["sample_id"])
    assert not trained & set(tested["sample_id"])
    assert set(tested["dataset"]) == {"motion_prior"}
    assert record["thresholds_by"] == "drawn"
    for name in NAMES:
        shown = tested.loc[tested[f"true_{name}"] == 1, f"prob_{name}"]
        others = tested.loc[tested[f"true_{name}"] == 0, f"prob_{name}"]
        best = max(
            f1_score(tested[f"true_{name}"], tested[f"prob_{name}"] >= value) for value in np.unique([*shown, *others])
        )
        assert f1_score(tested[f"true_{name}"], tested[f"prob_{name}"] >= found[name]) == pytest.approx(best)
    frame = experiment.table.frame.assign(aus="")
    other = replace(experiment, table=replace(experiment.table, frame=frame))
    assert choose_thresholds(other, experiment.folds[0], guesses) == (found, record)


def test_members_are_averaged_before_they_are_decided(experiment: Experiment) -> None:
    one = guesses(experiment, experiment.folds[0])
    other = one.assign(**{f"prob_{name}": 1 - one[f"prob_{name}"] for name in NAMES})
    mean = mean_unit_predictions([one, other], dict.fromkeys(NAMES, 0.5))
    assert mean[[f"prob_{name}" for name in NAMES]].to_numpy() == pytest.approx(0.5)
    assert mean[[f"predicted_{name}" for name in NAMES]].to_numpy().all()
    assert np.array_equal(truth_of(mean, UNITS), truth_of(one, UNITS))


def test_shuffled_labels_shuffle_units_of_the_training_part_only(tiny_config: Config) -> None:
    config = replace(units_config(tiny_config), null="permuted_labels")
    experiment = load_experiment(config)
    fold = experiment.folds[0]
    shuffled = permute_fold_labels(experiment.table, config, fold).frame
    held = shuffled["sample_id"].isin(fold.test)
    codes = experiment.table.frame["aus"]
    assert shuffled["aus"][held].tolist() == codes[held].tolist()
    assert shuffled["aus"][~held].tolist() != codes[~held].tolist()
    assert sorted(shuffled["aus"]) == sorted(codes)


def test_emotion_leaves_no_trace_in_the_hash_and_units_do(tiny_config: Config) -> None:
    emotion = config_hash(tiny_config)
    assert config_hash(replace(tiny_config, task=TaskConfig(units=[1, 2], threshold="inner"))) == emotion
    assert config_hash(units_config(tiny_config)) != emotion


@pytest.mark.parametrize(
    ("task", "protocol", "key"),
    [
        ({"units": [1]}, {}, "task.units"),
        ({"units": [1, 1]}, {}, "task.units"),
        ({"units": [1, 400]}, {}, "task.units"),
        ({"threshold": "best"}, {}, "task.threshold"),
        ({"threshold": "inner"}, {"selection": "fixed"}, "task.threshold"),
        ({"threshold": "inner"}, {"selection": "leaky"}, "task.threshold"),
        ({"threshold": "drawn"}, {}, "task.threshold"),
        ({"threshold": "drawn"}, {"name": "zero_shot"}, "task.threshold"),
        ({"support": 0}, {}, "task.support"),
    ],
)
def test_what_contradicts_itself_is_refused_before_anything_is_read(
    tiny_config: Config, task: dict[str, Any], protocol: dict[str, Any], key: str
) -> None:
    config = replace(units_config(tiny_config), task=TaskConfig(**{"name": "action_units", **task}))
    with pytest.raises(ConfigError, match=key):
        check_config(replace(config, protocol=ProtocolConfig(**protocol)))
