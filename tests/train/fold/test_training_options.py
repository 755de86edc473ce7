"""Every option of the training craft in whole folds of a tiny run, and what a fold leaves of it."""

from __future__ import annotations

from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from mer import run_files
from mer.config import AttentionConfig, Config, InitConfig, ModelConfig, ProtocolConfig
from mer.errors import ConfigError
from mer.models import build, checkpoint
from mer.models.checkpoint import load
from mer.run import run
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import load_experiment
from mer.train.fold.fit import fit
from tests.conftest import tiny

SMALL = ModelConfig(width=8, attention=AttentionConfig(stages=[]))


@pytest.fixture(scope="module")
def config(cache_dir: Path) -> Config:
    return replace(tiny(cache_dir), model=SMALL)


@pytest.fixture(scope="module")
def begun(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The run that begins with the weights of a file, which levels may be frozen of."""
    path = tmp_path_factory.mktemp("weights") / "model.ckpt"
    torch.manual_seed(7)
    network = build(config.model, in_channels=3, classes=3)
    card = {"classes": list(load_experiment(config).table.classes), "input": asdict(config.input)}
    checkpoint.save(path, network, model=config.model, card=card)
    return replace(config, init=InitConfig("file", str(path)))


def with_options(config: Config, **options: Any) -> Config:
    return replace(config, optim=replace(config.optim, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"balance": "weighted", "label_smoothing": 0.1, "mixup": 0.3},
        {"name": "sgd", "mixup": 0.2, "average": "ema", "average_decay": 0.9, "lr": 1e-5},
        {"average": "ema", "freeze": 2, "epochs": None, "iterations": 3},
    ],
)
def test_folds_train_with_the_options_together(begun, tmp_path, options):
    results = run(with_options(begun, **options), tmp_path / "run")
    assert not results["failed_folds"]
    assert results["scores"]["all"]["samples"] == 24


def test_loader_processes_change_no_number_of_a_mixed_and_averaged_training(config):
    config = with_options(config, mixup=0.3, average="ema", epochs=2)
    studies = [load_experiment(replace(config, trainer=replace(config.trainer, workers=workers))) for workers in (0, 2)]
    one, other = (
        fit(one.samples, one.folds[0], one.config, seed=1, data_seed=2).network.state_dict() for one in studies
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_chosen_epoch_is_that_of_the_average(config):
    """The inner split chooses among averages: what is put back predicts as the row of that epoch says."""
    config = replace(
        with_options(config, average="ema", average_decay=0.8, epochs=4), protocol=ProtocolConfig(validation=0.4)
    )
    experiment = load_experiment(config)
    fold = experiment.folds[0]
    trained = fit(experiment.samples, fold, config, seed=1, data_seed=2)
    rows = {name: row for row, name in enumerate(experiment.table.frame["sample_id"])}
    places = [rows[name] for name in fold.validation]
    with torch.no_grad():
        logits = trained.network(torch.from_numpy(experiment.inputs[places]))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(experiment.table.targets[places])).item()
    kept = trained.curves.table().set_index("epoch").loc[trained.record["chosen_epoch"]]
    assert kept["validation_loss"] == pytest.approx(loss, rel=1e-5)


def test_frozen_levels_end_as_they_began_in_the_checkpoint(begun, tmp_path):
    config = with_options(begun, freeze=3)
    results = run(config, tmp_path / "run")
    experiment = load_experiment(config)
    name = experiment.folds[0].name
    network, _ = load(run_files.fold_folder(tmp_path / "run", name) / run_files.CHECKPOINT)
    drawn, _ = checkpoint.load(config.init.path)
    still = {name for name in drawn.state_dict() if drawn.level_of(name) < 3}
    final, first = network.state_dict(), drawn.state_dict()
    assert all(torch.equal(final[name], first[name]) for name in still)
    assert not any(torch.equal(final[name], first[name]) for name, _ in drawn.named_parameters() if name not in still)
    moving = sum(parameter.numel() for name, parameter in drawn.named_parameters() if name not in still)
    assert results["trained_parameters"] == moving
    assert results["parameters"] == sum(parameter.numel() for parameter in drawn.parameters())


def test_a_dry_run_counts_what_is_trained(begun, tmp_path):
    shown = Console(file=StringIO(), width=200)
    run(replace(with_options(begun, freeze=5), dry_run=True), tmp_path, console=shown)
    text = shown.file.getvalue()  # type: ignore[attr-defined]
    assert f"{8 * 8 * 3 + 3} of them trained" in " ".join(text.split())


def test_more_frozen_levels_than_the_network_has_are_a_problem(begun):
    with pytest.raises(ConfigError, match=r"optim\.freeze: expected 0\.\.5 of the levels stem"):
        check_config(with_options(begun, freeze=6))


def test_weights_of_classes_are_refused_on_several_devices(config):
    trainer = replace(config.trainer, devices=2)
    with pytest.raises(ConfigError, match=r"optim\.balance: expected none or oversample .*, got weighted"):
        check_config(replace(with_options(config, balance="weighted"), trainer=trainer))
