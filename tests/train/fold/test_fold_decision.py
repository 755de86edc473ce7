"""What a fold's decision is made of: class shares of its batches and of its training part, and nothing held out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mer import finished_folders, run_files
from mer.config import Config, DecisionConfig, OptimConfig, ProtocolConfig
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError
from mer.evaluation import caveats
from mer.evaluation.predictions import read_predictions
from mer.inputs.datamodule.cotraining import CotrainingSamples
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.protocols.registry import Fold
from mer.provenance import config_hash, result_config
from mer.run import run
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import Experiment, load_experiment
from mer.train.fold.fold_decision import batch_shares, learn_decision
from mer.utils.atomic_files import read_json

RULES = [DecisionConfig("prior"), DecisionConfig("prior", strength=None), DecisionConfig("uf1")]


def test_the_default_changes_no_hash_and_another_rule_does(tiny_config: Config) -> None:
    assert "decision" not in result_config(tiny_config)
    assert config_hash(replace(tiny_config, decision=DecisionConfig(strength=1.0))) == config_hash(tiny_config)
    hashes = {config_hash(replace(tiny_config, decision=rule)) for rule in RULES}
    assert len({*hashes, config_hash(tiny_config)}) == 4


@pytest.mark.parametrize("balance", ["none", "oversample"])
@pytest.mark.parametrize("joined", [False, True])
def test_shares_in_batches_are_those_that_the_loader_draws(tiny_config: Config, balance: str, joined: bool) -> None:
    samples = load_experiment(tiny_config).samples
    targets = samples.table.targets
    theirs = np.array([0] * 40 + [1] * 10 + [2] * 10)
    others = CotrainingSamples(samples.inputs[[0] * 60], theirs, np.arange(60), share=0.5) if joined else None
    config = replace(tiny_config, optim=OptimConfig(balance=balance, batch_size=8, epochs=1))
    fold = Fold("all", tuple(samples.table.frame["sample_id"]), (), ())
    loader = FoldDataModule(samples, fold, config, cotraining=others).train_dataloader()
    drawn: Counter[int] = Counter()
    for epoch in range(30):
        loader.sampler.set_epoch(epoch)
        drawn.update(target for batch in loader for target in batch["target"].tolist())
    counted = np.array([drawn[k] for k in range(3)]) / drawn.total()
    # one clip more of each class is counted, so that none has share 0
    np.testing.assert_allclose(batch_shares(targets, 3, balance, others), counted, atol=0.03)


def test_weights_of_the_loss_make_the_classes_even() -> None:
    np.testing.assert_allclose(batch_shares(np.repeat([0, 1, 2], [79, 19, 9]), 3, "weighted", None), 1 / 3, atol=0.02)


def predictions(table: SampleTable, fold: Fold, probabilities: np.ndarray) -> pd.DataFrame:
    """Predictions of a fold's test part, all with these probabilities (K,)."""
    frame = table.frame[table.frame["sample_id"].isin(fold.test)]
    found = frame[["sample_id", "dataset", "subject", "label"]].assign(fold=fold.name, predicted=table.classes[0])
    return found.assign(**{f"prob_{name}": p for name, p in zip(table.classes, probabilities, strict=True)})


def with_rule(config: Config, rule: DecisionConfig) -> Experiment:
    """The tiny run under a rule, its inner parts two."""
    return load_experiment(replace(config, decision=rule, protocol=ProtocolConfig(inner=2)))


def untested(experiment: Experiment, fold: Fold) -> pd.DataFrame:
    """In place of an inner training, which must not happen."""
    raise AssertionError("nothing is to be chosen")


def test_a_frequent_class_wins_where_the_network_hardly_prefers_another(tiny_config: Config) -> None:
    experiment = with_rule(tiny_config, DecisionConfig("prior", strength=1.0))
    fold, table = experiment.folds[0], experiment.table
    learned = learn_decision(experiment, fold, untested)
    counts = table.frame[table.frame["sample_id"].isin(fold.train)]["label"].value_counts()
    assert counts.idxmax() == "negative", "the drawn set has most clips of this class"
    frame = predictions(table, fold, np.array([0.32, 0.34, 0.34]))
    decided = learned.apply(frame)
    assert set(decided["predicted"]) == {"negative"}
    pd.testing.assert_frame_equal(decided.drop(columns="predicted"), frame.drop(columns="predicted"))


def test_without_a_training_part_the_likeliest_class_is_taken(tiny_config: Config) -> None:
    experiment = with_rule(tiny_config, DecisionConfig("prior"))
    fold = replace(experiment.folds[0], train=())
    assert learn_decision(experiment, fold, untested).record() == {}


def inner(experiment: Experiment, fold: Fold) -> pd.DataFrame:
    """Predictions that lean to the class of the sample, and to class 0 by so much that most are taken for it."""
    frame = predictions(experiment.table, fold, np.zeros(3))
    own = np.eye(3)[[experiment.table.classes.index(label) for label in frame["label"]]]
    values = 0.15 * own + np.array([0.1, 0.3, 0.3])
    columns = [f"prob_{name}" for name in experiment.table.classes]
    return frame.assign(**dict(zip(columns, (values / values.sum(1, keepdims=True)).T, strict=True)))


def test_the_strength_is_the_best_on_inner_parts(tiny_config: Config) -> None:
    experiment = with_rule(tiny_config, DecisionConfig("prior", strength=None))
    learned = learn_decision(experiment, experiment.folds[0], inner)
    assert learned.strength > 0, "frequent samples of class 0 are missed without a correction"
    record = learned.record()
    assert record["strength"] == learned.strength
    assert set(record["decision"]["shares"]) == {"all", "synthetic"}


def test_held_out_labels_have_no_part_in_a_decision(tiny_config: Config) -> None:
    for rule in RULES:
        experiment = with_rule(tiny_config, rule)
        fold, table = experiment.folds[1], experiment.table
        held = table.frame["sample_id"].isin(fold.test)
        turned = table.frame.assign(label=table.frame["label"].where(~held, table.classes[2]))
        other = SampleTable(turned, table.classes, name=table.name, synthetic=True)
        found = [learn_decision(one, fold, inner).record() for one in (experiment, replace(experiment, table=other))]
        assert found[0] == found[1]
        assert (turned["label"] != table.frame["label"]).any()


def test_a_run_keeps_its_probabilities_and_says_how_it_decided(tiny_config: Config, tmp_path: Path) -> None:
    plain, uf1 = (replace(tiny_config, protocol=ProtocolConfig(inner=2)) for _ in range(2))
    uf1 = replace(uf1, decision=DecisionConfig("uf1"))
    run(plain, tmp_path / "plain")
    results = run(uf1, tmp_path / "uf1")
    tables = [read_predictions(tmp_path / name / run_files.PREDICTIONS) for name in ("plain", "uf1")]
    pd.testing.assert_frame_equal(*(table.drop(columns="predicted") for table in tables))
    assert results["selection"] == "inner"
    assert results["decision"] == {"rule": "uf1", "chosen": True, "strengths": {"1": 4}}
    assert any("Decision rule uf1" in line and "1 in 4" in line for line in caveats.remarks(results))
    assert list(pd.read_csv(tmp_path / "uf1" / run_files.FOLDS)["strength"]) == [1.0] * 4
    assert '<th scope="col">strength</th>' in (tmp_path / "uf1" / run_files.REPORT).read_text(encoding="utf-8")
    folder = finished_folders.completed_folds(tmp_path / "uf1")[0]
    record = read_json(folder / run_files.FOLD)
    costs = record["decision"]
    own = read_predictions(folder / run_files.PREDICTIONS)
    p = own[[f"prob_{name}" for name in results["classes"]]].to_numpy() ** (1 / costs["temperature"])
    p *= np.array(costs["shares"]["synthetic"]) / np.array(costs["trained_shares"])
    p /= p.sum(1, keepdims=True)
    gains = np.array(costs["weight"]) * (p - np.array(costs["offset"]))
    assert [results["classes"][k] for k in gains.argmax(1)] == list(own["predicted"])


def test_what_cannot_be_chosen_is_refused(tiny_config: Config) -> None:
    zero = replace(tiny_config, protocol=ProtocolConfig("zero_shot"), decision=DecisionConfig("uf1"))
    with pytest.raises(ConfigError, match=r"decision\.rule: .*zero_shot"):
        check_config(zero)
    fixed = replace(
        tiny_config, protocol=ProtocolConfig(selection="fixed"), decision=DecisionConfig("prior", strength=None)
    )
    with pytest.raises(ConfigError, match=r"decision\.strength: .*selection=fixed"):
        check_config(fixed)
    with pytest.raises(ConfigError, match=r"decision\.rule: expected one of argmax, prior, uf1"):
        check_config(replace(tiny_config, decision=DecisionConfig("likeliest")))
