"""Training of one fold from Python: what it can see, and loggers and callbacks of the user's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger

from mer.config import Config, ProtocolConfig
from mer.errors import MerError
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.inputs.prepared_samples import PreparedSamples
from mer.protocols.registry import make_folds
from mer.train.experiment.experiment import load_data
from mer.train.experiment.selection import training_view
from mer.train.fold.fit import Trained, fit
from mer.train.lightning.module import RecognitionModule


@pytest.fixture
def config(tiny_config: Config) -> Config:
    """Two epochs, with an inner split."""
    recipe = replace(tiny_config.optim, epochs=2)
    return replace(tiny_config, optim=recipe, protocol=ProtocolConfig(validation=0.4))


@pytest.fixture
def data(config: Config) -> PreparedSamples:
    return load_data(config)


class Peeking(Callback):
    """Reads every label that a training can reach."""

    def __init__(self, data: PreparedSamples) -> None:
        self.ids = data.table.frame["sample_id"].to_numpy()
        self.seen: dict[str, set[int]] = {}

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        loaders = trainer.datamodule  # type: ignore[attr-defined]
        for name, target in zip(self.ids, loaders.targets, strict=True):
            self.seen.setdefault(str(name), set()).add(int(target))
        for batch in loaders.test_dataloader():
            for name, target in zip(batch["sample_id"], batch["target"].tolist(), strict=True):
                self.seen.setdefault(name, set()).add(target)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        for row, target in zip(batch["row"].tolist(), batch["target"].tolist(), strict=True):
            self.seen[str(self.ids[row])].add(target)


def test_a_training_that_reads_held_out_labels_sees_none(config: Config, data: PreparedSamples):
    fold = make_folds(data.table, config.protocol, config.seed)[0]
    peeking = Peeking(data)
    fit(data, fold, config, callbacks=[peeking])
    truth = dict(zip(data.table.frame["sample_id"], data.table.targets.tolist(), strict=True))
    for name in fold.test:
        assert peeking.seen[name] == {-1}, name
    for name in (*fold.train, *fold.validation):
        assert peeking.seen[name] == {truth[name]}, name


def test_other_held_out_labels_change_no_weight(config: Config, data: PreparedSamples):
    fold = make_folds(data.table, config.protocol, config.seed)[0]
    frame = data.table.frame
    tested = frame["sample_id"].isin(fold.test)
    after = dict(zip(data.classes, data.classes[1:] + data.classes[:1], strict=True))
    turned = frame["label"].where(~tested, frame["label"].map(after))
    other = PreparedSamples(replace(data.table, frame=frame.assign(label=turned)), data.inputs)
    one, two = (fit(each, fold, config).network.state_dict() for each in (data, other))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_only_a_leaky_selection_shows_them_and_to_the_choice_alone(tiny_config: Config):
    config = replace(tiny_config, protocol=ProtocolConfig(selection="leaky"))
    data = load_data(config)
    fold = make_folds(data.table, config.protocol, config.seed)[0]
    loaders = FoldDataModule(data, training_view(fold, config.protocol), config)
    validation = loaders.val_dataloader()
    targets = torch.cat([batch["target"] for batch in validation]).tolist()  # type: ignore[union-attr]
    assert -1 not in targets and len(targets) == len(fold.test)
    assert set(loaders.train_rows).isdisjoint(loaders.test_rows)
    assert (FoldDataModule(data, fold, config).targets[loaders.test_rows] == -1).all()


def test_loggers_and_callbacks_of_the_user_see_the_curves_and_change_no_number(
    config: Config, data: PreparedSamples, tmp_path: Path
):
    fold = make_folds(data.table, config.protocol, config.seed)[0]
    plain = fit(data, fold, config)
    logger = CSVLogger(tmp_path, name="x")
    best = ModelCheckpoint(tmp_path / "best", monitor="validation_uf1", mode="max")
    watched = fit(data, fold, config, logger=logger, callbacks=[best])
    assert same_weights(plain, watched)
    columns = ["train_loss", "train_accuracy", "validation_loss", "validation_uf1"]
    assert plain.curves.table()[columns].equals(watched.curves.table()[columns])
    logged = pd.read_csv(tmp_path / "x" / "version_0" / "metrics.csv").groupby("epoch").first()
    np.testing.assert_allclose(logged[columns].to_numpy(), watched.curves.table()[columns].to_numpy(), rtol=1e-6)
    again = RecognitionModule.load_from_checkpoint(best.best_model_path, weights_only=True)
    kept = torch.load(best.best_model_path, weights_only=True)["state_dict"]
    assert all(torch.equal(value, kept[f"network.{name}"]) for name, value in again.network.state_dict().items())
    assert best.best_model_score == pytest.approx(watched.curves.table()["validation_uf1"].max(), rel=1e-6)


def test_early_stopping_ends_a_training(config: Config, data: PreparedSamples):
    fold = make_folds(data.table, config.protocol, config.seed)[0]
    long = replace(config, optim=replace(config.optim, epochs=9))
    stop = EarlyStopping("validation_uf1", mode="max", patience=1, min_delta=2.0)  # no score can rise by so much
    assert fit(data, fold, long, callbacks=[stop]).record["epochs"] == 2


def test_class_weights_need_a_data_module_that_counts(config: Config, data: PreparedSamples):
    fold = make_folds(data.table, config.protocol, config.seed)[0]
    weighted = replace(config, optim=replace(config.optim, balance="weighted"))
    loaders = FoldDataModule(data, fold, weighted)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(max_epochs=1, accelerator="cpu", **quiet)
    with pytest.raises(MerError, match="FoldDataModule"):
        trainer.fit(RecognitionModule(data, weighted), loaders.train_dataloader(), loaders.val_dataloader())


def same_weights(one: Trained, other: Trained) -> bool:
    first, second = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first)
