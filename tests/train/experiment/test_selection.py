"""Who may choose: held-out labels change nothing under honest protocols, and where they do every file says so."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from mer import finished_folders, run_files
from mer.config import Config, OptimConfig, ProtocolConfig, with_overrides
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError
from mer.evaluation.predictions import SELECTION_COLUMN
from mer.evaluation.report.plots import confusion_figure
from mer.models import checkpoint
from mer.protocols.registry import Fold
from mer.run import run
from mer.sweep import sweep_table
from mer.train.experiment import selection
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import Experiment, load_experiment
from mer.train.fold.nested_search import select_candidate
from mer.train.fold.run_fold import run_fold
from mer.train.loggers.tracked_run import TrackedRun, summary_part
from mer.train.loggers.training_log import open_log

NESTED = ProtocolConfig(candidates=["optim.lr=1e-9", "optim.lr=0.003"], inner=2)


def configured(config: Config, protocol: ProtocolConfig, epochs: int = 2) -> Config:
    """A narrow network under a protocol."""
    recipe = OptimConfig(epochs=epochs, batch_size=8)
    return replace(config, protocol=protocol, optim=recipe, model=replace(config.model, width=8))


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> tuple[Path, dict[str, Any], str]:
    """Folder, results and console output of a run whose epochs were chosen on the held-out people."""
    from tests.conftest import tiny

    folder = tmp_path_factory.mktemp("leaky") / "0"
    console = Console(record=True, width=160, file=io.StringIO())
    results = run(configured(tiny(cache_dir), ProtocolConfig(selection="leaky"), epochs=3), folder, console=console)
    return folder, results, console.export_text()


def with_other_labels(experiment: Experiment, fold: Fold) -> Experiment:
    """The study with each held-out label exchanged for another class."""
    frame, classes = experiment.table.frame.copy(), experiment.table.classes
    held = frame["sample_id"].isin(fold.test)
    frame.loc[held, "label"] = [classes[(classes.index(label) + 1) % len(classes)] for label in frame["label"][held]]
    return replace(experiment, table=SampleTable(frame, classes, name=experiment.table.name, synthetic=True))


@pytest.mark.parametrize(
    "protocol", [ProtocolConfig(), ProtocolConfig(validation=0.4), NESTED], ids=["fixed", "inner", "nested"]
)
def test_held_out_labels_change_no_prediction(tiny_config: Config, tmp_path: Path, protocol: ProtocolConfig) -> None:
    experiment = load_experiment(configured(tiny_config, protocol))
    fold = experiment.folds[1]
    other = with_other_labels(experiment, fold)
    assert not other.table.frame["label"].equals(experiment.table.frame["label"])
    run_fold(experiment, fold, tmp_path / "true")
    run_fold(other, fold, tmp_path / "changed")
    first, second = (
        pd.read_csv(run_files.fold_folder(tmp_path / name, fold.name) / run_files.PREDICTIONS)
        for name in ("true", "changed")
    )
    assert (first["label"] != second["label"]).all()
    pd.testing.assert_frame_equal(first.drop(columns="label"), second.drop(columns="label"))


def test_the_leak_takes_the_epoch_that_is_best_on_the_held_out_person(leaky: tuple[Path, dict, str]) -> None:
    folder, results, _ = leaky
    for one in finished_folders.completed_folds(folder):
        curves = pd.read_csv(one / run_files.CURVES)
        best = curves.sort_values(["held_out_uf1", "held_out_loss", "epoch"], ascending=[False, True, True])
        record = json.loads((one / run_files.FOLD).read_text(encoding="utf-8"))
        assert record["chosen_epoch"] == best["epoch"].iloc[0]
        assert record["validation_uf1"] is None
    assert results["validation_uf1"] is None, "a sweep would have maximised a score on held-out people"


def test_every_file_of_a_leaky_run_says_so(leaky: tuple[Path, dict, str]) -> None:
    folder, results, shown = leaky
    assert results["selection"] == "leaky"
    assert json.loads((folder / run_files.RESULTS).read_text(encoding="utf-8"))["selection"] == "leaky"
    assert "selection: leaky" in (folder / run_files.CONFIG).read_text(encoding="utf-8")
    assert (
        json.loads((folder / run_files.MANIFEST).read_text(encoding="utf-8"))["config"]["protocol.selection"] == "leaky"
    )
    assert json.loads((folder / run_files.LEAKS).read_text(encoding="utf-8"))["selection"] == "leaky"
    report = (folder / run_files.REPORT).read_text(encoding="utf-8")
    assert "LEAKY" in report and "epochs chosen on the test samples (leaky)" in report
    assert "epochs fixed in advance" not in report and "Nothing here was measured on a held-out" not in report
    assert "LEAKY" in shown
    assert "LEAKY" in confusion_figure(results).axes[0].get_title(loc="left")
    tables = [folder / run_files.PREDICTIONS, folder / run_files.FOLDS]
    for one in finished_folders.completed_folds(folder):
        tables += [one / run_files.PREDICTIONS, one / run_files.CURVES]
        assert json.loads((one / run_files.FOLD).read_text(encoding="utf-8"))["selection"] == "leaky"
        _, card = checkpoint.load(one / run_files.CHECKPOINT)
        assert card["selection"] == "leaky"
        if (one / run_files.ATTENTION).exists():
            with np.load(one / run_files.ATTENTION) as kept:
                assert str(kept["selection"]) == "leaky"
    for path in folder.glob("loggers/csv/*/metrics.csv"):
        columns = " ".join(pd.read_csv(path).columns)
        assert "held_out_uf1" in columns and "validation" not in columns
        assert "selection: leaky" in (path.parent / "hparams.yaml").read_text(encoding="utf-8")
    for path in tables:
        assert list(pd.read_csv(path)[SELECTION_COLUMN].unique()) == ["leaky"], path
    written = {path for path in folder.rglob("*") if path.is_file()}
    known = {
        run_files.RESULTS,
        run_files.CONFIG,
        run_files.MANIFEST,
        run_files.REPORT,
        run_files.CONFUSION,
        run_files.PREDICTIONS,
        run_files.FOLDS,
    }
    known |= {
        run_files.FOLD,
        run_files.CURVES,
        run_files.CHECKPOINT,
        run_files.ATTENTION,
        run_files.LEAKS,
        *("run.json", "metrics.csv", "hparams.yaml"),
        run_files.LOCK,
    }  # the last is empty
    assert {path.name for path in written} <= known, "a file that this test does not look into"


def test_a_second_collection_reads_the_marked_files(leaky: tuple[Path, dict, str], cache_dir: Path) -> None:
    from tests.conftest import tiny

    folder, results, _ = leaky
    before = (folder / run_files.PREDICTIONS).read_bytes()
    again = run(configured(tiny(cache_dir), ProtocolConfig(selection="leaky"), epochs=3), folder)
    assert again["scores"] == results["scores"]
    assert (folder / run_files.PREDICTIONS).read_bytes() == before


def test_a_sweep_marks_the_row(leaky: tuple[Path, dict, str]) -> None:
    assert list(sweep_table(leaky[0].parent)["selection"]) == ["leaky"]


@pytest.mark.parametrize(
    ("protocol", "name", "tags"),
    [
        (ProtocolConfig(selection="leaky"), "tiny-seed0-LEAKY", ["synthetic", "leaky"]),
        (ProtocolConfig(), "tiny-seed0", ["synthetic"]),
    ],
)
def test_the_tracked_run_carries_the_mark(
    tiny_config: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    protocol: ProtocolConfig,
    name: str,
    tags: list,
) -> None:
    import wandb

    asked: dict[str, Any] = {}

    class Handle:
        def finish(self, exit_code: int) -> None: ...

        def define_metric(self, *_: str, **__: Any) -> None: ...

    monkeypatch.setattr(wandb, "init", lambda **given: asked.update(given) or Handle())
    config = replace(tiny_config, protocol=protocol, logger=replace(tiny_config.logger, name="wandb"))
    with open_log(TrackedRun(config, tmp_path, synthetic=True), summary_part(config)):
        pass
    assert asked["name"] == name and asked["tags"] == tags


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("protocol.name=kfold", "expected key=value with keys in optim, augment, model"),
        ("data.subjects=3", "expected key=value"),
        ("optim.lr", "expected key=value"),
        ("optim.lrr=1", "lrr"),
        ("optim.lr=fast", "fast"),
        ("optim.lr=-1", "optim.lr: expected above 0"),
        ("model.depth=11", "model.depth"),
        ("augment.mirror=2", "augment.mirror"),
    ],
)
def test_a_bad_candidate_is_named(tiny_config: Config, line: str, part: str) -> None:
    config = replace(tiny_config, protocol=ProtocolConfig(candidates=["optim.lr=0.01", line]))
    found = selection.config_errors(config)
    assert len(found) == 1
    assert found[0].startswith(f"protocol.candidates: {line!r}: ") and part in found[0]
    with pytest.raises(ConfigError):
        check_config(config)


def test_leaky_chooses_among_whole_epochs(tiny_config: Config) -> None:
    recipe = OptimConfig(epochs=None, iterations=5)
    config = replace(tiny_config, protocol=ProtocolConfig(selection="leaky"), optim=recipe)
    assert [problem for problem in selection.config_errors(config) if problem.startswith("optim.iterations")]


def test_overrides_keep_the_rest_of_the_configuration(tiny_config: Config) -> None:
    changed = with_overrides(tiny_config, "optim.lr=0.5 model.attention.stages=[2]")
    assert changed.optim.lr == 0.5 and changed.model.attention.stages == [2]
    assert type(changed.data) is type(tiny_config.data)
    model = replace(tiny_config.model, attention=replace(tiny_config.model.attention, stages=[2]))
    assert changed == replace(tiny_config, optim=replace(tiny_config.optim, lr=0.5), model=model)
    assert with_overrides(tiny_config, "") == tiny_config


def test_the_search_takes_the_best_recipe_and_sees_the_training_part_only(tiny_config: Config) -> None:
    lines = ["optim.lr=0.1", "optim.lr=0.2", "optim.lr=0.3", "optim.lr=0.4"]
    experiment = load_experiment(replace(tiny_config, protocol=ProtocolConfig(candidates=lines, inner=2)))
    fold, frame = experiment.folds[2], experiment.table.frame.set_index("sample_id")
    asked: list[tuple[float, Fold]] = []

    def test(recipe: Experiment, part: Fold) -> pd.DataFrame:
        """Right answers for the second and third recipe, one class for the others."""
        asked.append((recipe.config.optim.lr, part))
        truth = frame.loc[list(part.test), "label"]
        good = recipe.config.optim.lr in (0.2, 0.3)
        return pd.DataFrame({"label": truth, "predicted": truth if good else experiment.table.classes[0]})

    chosen, record = select_candidate(experiment, fold, test)
    assert chosen.config.optim.lr == 0.2, "the first of equals"
    assert record["candidate"] == "optim.lr=0.2" and record["validation_uf1"] == 1.0
    assert [row["overrides"] for row in record["candidates"]] == lines
    assert [lr for lr, _ in asked] == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4]
    for _, part in asked:
        assert set(part.train + part.test) == set(fold.train)
        assert not set(part.train + part.test) & set(fold.test)


def test_a_nested_run_records_what_each_fold_chose_and_carries_no_mark(tiny_config: Config, tmp_path: Path) -> None:
    results = run(configured(tiny_config, NESTED, epochs=1), tmp_path / "run")
    table = pd.read_csv(tmp_path / "run" / run_files.FOLDS)
    assert results["selection"] == "inner"
    assert results["candidates"] == table["candidate"].value_counts().to_dict()
    assert results["validation_uf1"] == pytest.approx(table["validation_uf1"].mean(), abs=1e-6)
    for one in finished_folders.completed_folds(tmp_path / "run"):
        record = json.loads((one / run_files.FOLD).read_text(encoding="utf-8"))
        scores = {row["overrides"]: row["validation_uf1"] for row in record["candidates"]}
        assert list(scores) == NESTED.candidates
        assert scores[record["candidate"]] == max(scores.values()) == record["validation_uf1"]
    report = (tmp_path / "run" / run_files.REPORT).read_text(encoding="utf-8")
    assert "Recipes chosen inside the training parts" in report and "LEAKY" not in report
    assert SELECTION_COLUMN not in pd.read_csv(tmp_path / "run" / run_files.PREDICTIONS).columns
