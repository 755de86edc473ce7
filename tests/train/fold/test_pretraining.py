"""Trainings before the folds: once or for each fold, handed on, resumed, told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
import torch

from mer import finished_folders, run_files
from mer.config import (
    AttentionConfig,
    Config,
    CotrainConfig,
    ModelConfig,
    OptimConfig,
    ProtocolConfig,
    StageConfig,
    SyntheticData,
)
from mer.data import registry as catalog
from mer.data.samples.table import SampleTable
from mer.data.synthetic import source as synthetic
from mer.data.synthetic.clip_design import config_errors as casting_problems
from mer.errors import ConfigError, MerError
from mer.models import checkpoint
from mer.run import run
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import load_experiment
from mer.train.experiment.overlap import samples_without, shared_subjects
from mer.train.fold import pretraining, train_stage
from tests.conftest import tiny

MICRO = SyntheticData(name="synthetic", subjects=3, clips=12, size=48)
MACRO = SyntheticData(name="synthetic_macro", posed=True, subjects=3, clips=12, size=48)
RECIPE = OptimConfig(epochs=1, batch_size=8)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Three people, one epoch, no stage yet."""
    model = ModelConfig(width=8, attention=AttentionConfig(stages=[1, 4]))
    return replace(tiny(tmp_path_factory.mktemp("cache")), data=MICRO, model=model)


def staged(base: Config, **settings: SyntheticData) -> Config:
    return replace(base, stages={name: StageConfig(data=data, optim=RECIPE) for name, data in settings.items()})


@pytest.fixture(scope="module")
def shared(base: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict, Config]]:
    """Folder, results and configuration of a run with a stage of other people."""
    config = staged(base, macro=MACRO)
    folder = tmp_path_factory.mktemp("runs") / "shared"
    yield folder, run(config, folder), config


def record_of(folder: Path) -> dict:
    return json.loads((folder / run_files.STAGE).read_text(encoding="utf-8"))


def probabilities(network: torch.nn.Module, pixels: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return network.eval()(torch.from_numpy(np.array(pixels, dtype=np.float32))).double().softmax(1).numpy()


def test_people_who_are_not_tested_are_trained_on_once(shared):
    folder, results, _ = shared
    assert {path.name for path in (folder / run_files.STAGES_FOLDER).iterdir()} == {"macro"}
    record = record_of(run_files.stage_folder(folder, "macro"))
    assert record["fold"] is None and record["left_out"] == {}
    assert record["samples"] == 12 and record["subjects"] == 3 and record["steps"] > 0
    assert len(pd.read_csv(run_files.stage_folder(folder, "macro") / run_files.CURVES)) == 1
    assert not list((folder / run_files.FOLDS_FOLDER).glob(f"*/{run_files.STAGES_FOLDER}"))
    (told,) = results["stages"]
    assert told["shared"] and told["trainings"] == 1 and told["steps"] == record["steps"]
    notes = " ".join(results["notes"])
    for words in ("Stage macro: 12 samples of 3 subjects", "nobody in them is tested", "1 training", "handed on"):
        assert words in notes
    assert "Stage macro: 1 training" in (folder / run_files.REPORT).read_text(encoding="utf-8")


def test_the_folds_begin_with_the_weights_of_the_stage(shared, base, tmp_path):
    folder, _, config = shared
    experiment = load_experiment(config)
    start, alone = pretraining.pretrain_for_fold(experiment, experiment.folds[0], folder)
    network, _ = checkpoint.load(run_files.stage_folder(folder, "macro") / run_files.CHECKPOINT)
    assert start is not None and alone == []
    for name, value in network.state_dict().items():
        torch.testing.assert_close(start.weights[name], value, rtol=0, atol=0)
    run(base, tmp_path / "without")
    plain = (tmp_path / "without" / run_files.PREDICTIONS).read_bytes()
    assert (folder / run_files.PREDICTIONS).read_bytes() != plain


def test_zero_shot_is_the_network_of_the_stage_on_every_sample(shared, tmp_path):
    folder, _, config = shared
    results = run(replace(config, protocol=ProtocolConfig(name="zero_shot")), tmp_path / "run")
    kept = pd.read_csv(tmp_path / "run" / run_files.PREDICTIONS).set_index("sample_id")
    experiment = load_experiment(config)
    network, card = checkpoint.load(run_files.stage_folder(folder, "macro") / run_files.CHECKPOINT)
    expected = probabilities(network, experiment.inputs)
    columns = [f"prob_{name}" for name in card["classes"]]
    np.testing.assert_allclose(kept.loc[experiment.table.frame["sample_id"], columns], expected, atol=1e-5)
    assert results["complete"] and len(kept) == 12
    assert pd.read_csv(tmp_path / "run" / run_files.FOLDS)["steps"].tolist() == [0]
    _, told = checkpoint.load(finished_folders.completed_folds(tmp_path / "run")[0] / run_files.CHECKPOINT)
    expected_uf1 = sklearn.metrics.f1_score(kept["label"], kept["predicted"], average="macro")
    assert told["tested_on"]["uf1"] == pytest.approx(expected_uf1)
    assert (told["tested_on"]["samples"], told["tested_on"]["subjects"]) == (12, 3)
    assert [stage["synthetic"] for stage in told["trained_on"]["stages"]] == [True]
    assert "data" not in told["trained_on"], "nothing of the tested table trained it"
    assert any("no clip of the tested data" in line.lower() for line in told["limits"])


def test_a_finished_stage_is_not_trained_again_and_a_lost_fold_gets_the_same_bytes(shared, tmp_path, monkeypatch):
    folder, _, config = shared
    run(config, tmp_path / "run")
    before = (tmp_path / "run" / run_files.PREDICTIONS).read_bytes()
    assert before == (folder / run_files.PREDICTIONS).read_bytes(), "the same seed gives the same bytes"
    (finished_folders.completed_folds(tmp_path / "run")[1] / run_files.FOLD).unlink()
    monkeypatch.setattr(pretraining, "train_stage", lambda *_, **__: pytest.fail("a finished stage was trained again"))
    run(config, tmp_path / "run")
    assert (tmp_path / "run" / run_files.PREDICTIONS).read_bytes() == before


def test_people_who_are_tested_take_no_part_in_their_folds_stage(base, tmp_path):
    both = staged(base, same=replace(MICRO), macro=MACRO)
    results = run(both, tmp_path / "run")
    experiment = load_experiment(both)
    assert [stage.shared for stage in experiment.stages] == [False, False]
    assert not (tmp_path / "run" / run_files.STAGES_FOLDER).exists()
    for fold in experiment.folds:
        folder = run_files.fold_folder(tmp_path / "run", fold.name)
        first, second = (record_of(run_files.stage_folder(folder, name)) for name in ("same", "macro"))
        (person,) = {subject for subject in experiment.table.subjects if subject.replace(":", "-") == fold.name}
        assert list(first["left_out"]) == [person] and first["samples"] == 12 - len(fold.test)
        assert second["left_out"] == {} and second["samples"] == 12
    notes = " ".join(results["notes"])
    assert "3 of them are tested here" in notes and "but an earlier stage is trained per fold" in notes
    assert [told["trainings"] for told in results["stages"]] == [3, 3]


@pytest.mark.slow
def test_stages_of_folds_side_by_side_give_the_same_bytes(base, tmp_path):
    config = staged(base, macro=MACRO, same=replace(MICRO))
    run(config, tmp_path / "one")
    run(replace(config, trainer=replace(config.trainer, parallel_folds=2)), tmp_path / "two")
    assert (tmp_path / "two" / run_files.PREDICTIONS).read_bytes() == (
        tmp_path / "one" / run_files.PREDICTIONS
    ).read_bytes()


def test_the_samples_of_a_stage_for_one_fold_are_those_of_other_people(base):
    experiment = load_experiment(staged(base, same=replace(MICRO)))
    seen = []
    for fold in experiment.folds:
        people = shared_subjects(experiment.stages[0].samples, experiment.samples, fold.test)
        own = train_stage.stage_fold(
            experiment.stages[0],
            train_stage.stage_config(experiment.config, experiment.stages[0]),
            samples_without(experiment.stages[0].samples, people),
        )
        seen.append(set(own.train))
        assert not seen[-1] & set(fold.test)
        assert seen[-1] == set(fold.train), "the very samples that the fold trains on"


def test_another_set_of_classes_gets_a_classifier_of_its_own(base, tmp_path):
    config = staged(base, five=replace(MACRO, profile="casme2"))
    results = run(config, tmp_path / "run")
    network, card = checkpoint.load(run_files.stage_folder(tmp_path / "run", "five") / run_files.CHECKPOINT)
    assert network.classes == len(card["classes"]) == 5
    assert any(
        "the classifier is drawn at random, for the stage before knows other classes" in n for n in results["notes"]
    )
    with pytest.raises(MerError, match=r"stages\.five: expected the classes negative, positive, surprise"):
        run(replace(config, protocol=ProtocolConfig(name="zero_shot")), tmp_path / "zero")


def test_a_further_stage_changes_no_earlier_one_and_begins_with_it(shared, base, tmp_path):
    folder, _, _ = shared
    config = staged(base, macro=MACRO, second=replace(MACRO, seed=5))
    run(config, tmp_path / "run")
    old, new = (
        checkpoint.read(run_files.stage_folder(where, "macro") / run_files.CHECKPOINT)
        for where in (folder, tmp_path / "run")
    )
    for name, value in old["weights"].items():
        torch.testing.assert_close(new["weights"][name], value, rtol=0, atol=0)
    seeds = [record_of(run_files.stage_folder(tmp_path / "run", name))["seed"] for name in ("macro", "second")]
    assert len(set(seeds)) == 2
    assert "handed on" in record_of(run_files.stage_folder(tmp_path / "run", "second"))["origin"][0]


def test_a_stage_of_another_configuration_is_refused(shared, tmp_path):
    folder, _, config = shared
    target = run_files.stage_folder(tmp_path / "run", "macro")
    target.mkdir(parents=True)
    for path in run_files.stage_folder(folder, "macro").iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    other = replace(config, stages={"macro": StageConfig(data=MACRO, optim=replace(RECIPE, lr=0.01))})
    with pytest.raises(MerError, match="a stage of another configuration"):
        run(other, tmp_path / "run")


def test_the_order_of_stages_is_part_of_the_configuration(base):
    from mer.provenance import config_hash

    forward = staged(base, macro=MACRO, second=replace(MACRO, seed=5))
    backward = staged(base, second=replace(MACRO, seed=5), macro=MACRO)
    assert config_hash(forward) != config_hash(backward)


def test_an_inner_split_of_the_stages_own_people_chooses_its_epoch(base, tmp_path):
    config = replace(
        base,
        protocol=ProtocolConfig(validation=0.4),
        stages={"macro": StageConfig(data=MACRO, optim=replace(RECIPE, epochs=2))},
    )
    run(config, tmp_path / "run")
    folder = run_files.stage_folder(tmp_path / "run", "macro")
    curves, record = pd.read_csv(folder / run_files.CURVES), record_of(folder)
    assert record["validation"] > 0 and record["train"] + record["validation"] == 12
    best = curves.sort_values(["validation_uf1", "validation_loss", "epoch"], ascending=[False, True, True])
    assert record["chosen_epoch"] == best["epoch"].iloc[0]


def test_a_stage_that_diverges_names_itself(base, tmp_path):
    recipe = OptimConfig(name="sgd", lr=1e12, schedule="constant", warmup=0.0, epochs=2, batch_size=8)
    with pytest.raises(MerError, match=r"stages\.macro: training diverged"):
        run(replace(base, stages={"macro": StageConfig(data=MACRO, optim=recipe)}), tmp_path / "run")
    assert not run_files.stage_folder(tmp_path / "run", "macro").exists()


def test_members_get_stages_of_their_own(base, tmp_path):
    config = replace(staged(base, macro=MACRO), members=2)
    experiment = load_experiment(config)
    assert len(list(pretraining.train_shared(experiment, tmp_path))) == 4
    first, second = (
        checkpoint.read(run_files.stage_folder(tmp_path, "macro", member) / run_files.CHECKPOINT)["weights"]
        for member in (0, 1)
    )
    assert not torch.equal(first["fc.weight"], second["fc.weight"])


class DrawnMaps:
    """A source without files: each class has a direction, which the maps of `motion` show."""

    @staticmethod
    def load(data: SyntheticData, cache_dir: Path) -> SampleTable:
        table = synthetic.load(replace(data, posed=True), cache_dir)
        names = {"dataset": f"drawn{data.seed}", "sample_id": f"drawn{data.seed}/" + table.frame["clip"]}
        blank = {f"{key}_path": "" for key in ("onset", "apex", "offset")}
        return replace(table, frame=table.frame.assign(**names, **blank), name="drawn maps", notes=())

    @staticmethod
    def pixels(data: SyntheticData, table: SampleTable, size: int) -> np.ndarray:
        maps = np.random.default_rng(data.seed).normal(0, 0.1, (len(table), 3, size, size))
        half = size // 2
        for row, target in enumerate(table.targets):
            maps[row, target, :half] += 2.0
        return maps.astype(np.float32)


@pytest.fixture
def drawn_source(monkeypatch: pytest.MonkeyPatch) -> SyntheticData:
    source = catalog.Source(SyntheticData, DrawnMaps.load, casting_problems, DrawnMaps.pixels, 1)
    monkeypatch.setitem(catalog.SOURCES, "drawn", source)  # type: ignore[attr-defined]
    return replace(MACRO, name="drawn", clips=30)


def test_a_source_that_draws_its_inputs_is_learnt_and_tested_zero_shot(base, drawn_source, tmp_path):
    recipe = replace(RECIPE, epochs=5)
    config = replace(
        base,
        data=replace(drawn_source, seed=9),
        protocol=ProtocolConfig(name="zero_shot"),
        stages={"prior": StageConfig(data=drawn_source, optim=recipe)},
    )
    results = run(config, tmp_path / "run")
    assert load_experiment(config).stages[0].shared
    assert results["scores"]["all"]["uf1"]["value"] > 0.6, "the maps of a class differ from all others"
    assert list(results["baselines"]) == ["uniform"], "nothing is known of the classes' frequencies"
    same = replace(config, stages={"prior": StageConfig(data=replace(drawn_source, seed=9), optim=recipe)})
    assert not load_experiment(same).stages[0].shared


def test_cotraining_samples_join_the_folds_without_the_people_they_test(base, drawn_source, tmp_path):
    config = replace(base, cotrain=CotrainConfig(data=drawn_source, share=0.5))
    results = run(config, tmp_path / "run")
    assert any(note.startswith("Co-training: 50% of each training batch") for note in results["notes"])
    run(base, tmp_path / "without")
    with_them, without = (pd.read_csv(tmp_path / name / run_files.FOLDS) for name in ("run", "without"))
    assert (with_them["steps"] >= 1.5 * without["steps"]).all(), "half of each batch is the fold's own"
    assert (tmp_path / "run" / run_files.PREDICTIONS).read_bytes() != (
        tmp_path / "without" / run_files.PREDICTIONS
    ).read_bytes()


def test_cotraining_samples_may_count_as_so_many_clips(base, drawn_source, tmp_path):
    from mer.train.fold.fold_cotraining import cotraining_samples

    config = replace(base, cotrain=CotrainConfig(data=drawn_source, share=0.9, clips=7))
    experiment = load_experiment(config)
    for fold in experiment.folds:
        assert cotraining_samples(experiment, fold).share == pytest.approx(7 / (7 + len(fold.train)))
    results = run(config, tmp_path / "run")
    assert any("count as 7 clips" in note for note in results["notes"])
    with pytest.raises(
        ConfigError, match=r"cotrain\.clips: expected null or 1 to 1000000, got 0.*cotrain\.share counts"
    ):
        check_config(replace(config, cotrain=CotrainConfig(data=drawn_source, clips=0)))


def test_cotraining_samples_of_tested_people_are_left_out_and_none_left_is_said(base):
    from mer.train.fold.fold_cotraining import cotraining_samples

    experiment = load_experiment(replace(base, cotrain=CotrainConfig(data=replace(MICRO), share=0.5)))
    for fold in experiment.folds:
        cotraining = cotraining_samples(experiment, fold)
        ids = experiment.cotraining.table.frame["sample_id"].to_numpy()[cotraining.rows]
        assert set(ids) == set(fold.train)
    everyone = replace(experiment.folds[0], test=tuple(experiment.table.frame["sample_id"]))
    with pytest.raises(MerError, match="nobody is left to join"):
        cotraining_samples(experiment, everyone)


def test_nobody_whom_the_fold_around_it_tests_joins_an_inner_fold(base):
    from mer.protocols.registry import inner_folds
    from mer.train.experiment import trained_on
    from mer.train.fold.fold_cotraining import cotraining_samples

    config = replace(base, cotrain=CotrainConfig(data=replace(MICRO), share=0.5))
    experiment = load_experiment(config)
    person = dict(zip(experiment.table.frame["sample_id"], experiment.table.subjects, strict=True))
    ids = experiment.cotraining.table.frame["sample_id"].to_numpy()
    for fold in experiment.folds:
        for part in inner_folds(fold, experiment.table, 2):
            joining = cotraining_samples(experiment, part).rows
            assert {person[one] for one in ids[joining]} == {person[one] for one in part.train}
            assert not set(ids[joining]) & {*fold.test, *part.test}
            # what a checkpoint says of itself is what joined
            assert set(ids[joining]) == set(trained_on.cotraining_ids(experiment, experiment.cotraining, part))


@pytest.mark.parametrize(
    ("change", "start"),
    [
        ({"stages": {"a/b": StageConfig(data=MACRO)}}, "stages: expected names of letters"),
        ({"stages": {"m": StageConfig(data=replace(MACRO, clips=0))}}, "stages.m.data.clips"),
        ({"stages": {"m": StageConfig(data=MACRO, optim=OptimConfig(lr=-1.0))}}, "stages.m.optim.lr"),
        ({"optim": replace(RECIPE, freeze=2)}, "optim.freeze: expected 0 where nothing was learned before, got 2"),
        ({"stages": {"m": StageConfig(data=MACRO, optim=replace(RECIPE, freeze=1))}}, "stages.m.optim.freeze"),
        (
            {"protocol": ProtocolConfig(candidates=["", "optim.freeze=3"])},
            "protocol.candidates: 'optim.freeze=3': optim.freeze: expected 0",
        ),
        ({"cotrain": CotrainConfig(data=MACRO, share=1.0)}, "cotrain.share"),
        ({"protocol": ProtocolConfig(name="zero_shot")}, "protocol.name: expected stages or init.path"),
        (
            {
                "protocol": ProtocolConfig(validation=0.3),
                "stages": {"m": StageConfig(data=MACRO, optim=OptimConfig(epochs=None, iterations=5))},
            },
            "stages.m.optim.iterations",
        ),
    ],
)
def test_problems_name_the_key_of_the_stage(base, change, start):
    with pytest.raises(ConfigError) as caught:
        check_config(replace(base, **change))
    assert len(caught.value.errors) == 1
    assert caught.value.errors[0].startswith(start)


def test_levels_may_be_frozen_behind_a_stage(base):
    frozen = replace(RECIPE, freeze=2)
    check_config(replace(staged(base, macro=MACRO), optim=frozen))
    pretraining = {"first": StageConfig(data=MACRO, optim=RECIPE), "second": StageConfig(data=MACRO, optim=frozen)}
    check_config(replace(base, stages=pretraining))


def test_a_nested_search_is_refused_where_a_stage_shows_the_people_it_compares_recipes_on(base):
    nested = ProtocolConfig(candidates=["optim.lr=0.01", "optim.lr=0.001"], inner=2)
    assert load_experiment(replace(staged(base, macro=MACRO), protocol=nested)).stages[0].shared
    with pytest.raises(MerError, match=r"stages\.same\.data: expected other people .*3 who are in both"):
        load_experiment(replace(staged(base, same=replace(MICRO)), protocol=nested))


def test_permuted_labels_are_those_of_stages_and_cotraining_too(base):
    config = replace(staged(base, macro=MACRO, same=replace(MICRO)), cotrain=CotrainConfig(data=replace(MICRO)))
    real, null = load_experiment(config), load_experiment(replace(config, null="permuted_labels"))
    pairs = [(one.samples, other.samples) for one, other in zip(real.stages, null.stages, strict=True)]
    for one, other in (*pairs, (real.cotraining, null.cotraining)):
        before, after = one.table.frame["label"].tolist(), other.table.frame["label"].tolist()
        assert sorted(before) == sorted(after) and before != after
        assert one.table.frame.drop(columns="label").equals(other.table.frame.drop(columns="label"))
        assert one.table.classes == other.table.classes
        np.testing.assert_array_equal(one.inputs, other.inputs)
    again = load_experiment(replace(config, null="permuted_labels"))
    assert again.stages[1].samples.table.frame.equals(null.stages[1].samples.table.frame)
    assert null.table.frame.equals(real.table.frame), "what is tested keeps its labels"
