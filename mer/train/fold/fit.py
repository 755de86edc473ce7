"""Training of one network: a fold's or a stage's, from weights that were handed on or from fresh ones.

Contract: the weights that come out depend on the study, the fold, the seeds and the weights that went in, not on what
ran before, beside or on how many processes. Nothing is written.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, Trainer, seed_everything

from mer.config import Config
from mer.errors import MerError
from mer.inputs.datamodule.cotraining import CotrainingSamples
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.models.network import RecognitionNetwork
from mer.protocols.registry import Fold
from mer.train.experiment import trained_on
from mer.train.experiment.experiment import Experiment
from mer.train.experiment.overlap import PreparedSamples
from mer.train.fold.initial_weights import InitialWeights, load_initial_weights
from mer.train.lightning.callbacks import BestEpoch, CurveRecorder
from mer.train.lightning.module import RecognitionModule
from mer.train.lightning.sync_batchnorm import convert_sync_batchnorm
from mer.train.lightning.weight_averaging import Averaging

# Lightning speaks of hardware, of products, of more loader processes, at every fold; errors still come through.
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
for line in (
    ".*does not have many workers.*",
    ".*smaller than the logging interval.*",
    ".*isinstance.treespec, LeafSpec.*",
):
    warnings.filterwarnings("ignore", message=line)


@dataclass(frozen=True)
class Trained:
    """One network after its training.

    Attributes:
        network: in evaluation mode.
        curves: one row an epoch.
        record: epochs, chosen_epoch, validation_uf1, steps, train_seconds, seed and origin (sentences on where the
            weights came from that it began with), as `fold.json` and `stage.json` hold them.
        trainer: Lightning's; None where there was nothing to train on.
    """

    network: RecognitionNetwork
    curves: CurveRecorder
    record: dict[str, Any]
    trainer: Trainer | None

    @property
    def main(self) -> bool:
        """Whether this process writes: the only one, or rank 0."""
        return self.trainer is None or self.trainer.is_global_zero

    def wait(self) -> None:
        """Return when every process of the training has come this far."""
        if self.trainer is not None:
            self.trainer.strategy.barrier()


def fit(
    experiment: Experiment, fold: Fold, *, seed: int, data_seed: int, start: InitialWeights | None = None
) -> Trained:
    """The network after training on `fold.train`; without any training sample it stays as it begins.

    Args:
        experiment: configuration and samples.
        fold: training samples, and those that choose the epoch.
        seed: of weights drawn here and of dropout.
        data_seed: of the order and augmentation of the samples.
        start: weights to begin with.
    """
    config = experiment.config
    torch.set_num_threads(config.trainer.threads)
    seed_everything(seed, verbose=False)
    data = datamodule(experiment, fold, seed=data_seed)
    module = build_module(experiment, data)
    origin = load_initial_weights(module.network, experiment, start)
    curves = CurveRecorder(validation=bool(fold.validation))
    chooser = BestEpoch(curves)
    trainer = None
    if fold.train:
        if config.trainer.devices > 1:
            convert_sync_batchnorm(module)
        callbacks: list[Callback] = [curves]
        if config.optim.average != "none":
            callbacks.append(Averaging(config.optim, data.pixels, data.train_rows))
        if fold.validation:
            callbacks.append(chooser)  # behind the average, which it chooses among and puts back
        trainer = build_trainer(config, callbacks)
        trainer.fit(module, datamodule=data)
    module.eval()
    record = {
        "epochs": len(curves.rows),
        "chosen_epoch": chooser.epoch if fold.validation else None,
        "validation_uf1": chooser.score if fold.validation else None,
        "steps": 0 if trainer is None else trainer.global_step,
        "train_seconds": curves.step_seconds,
        "seed": seed,
        "origin": origin,
    }
    return Trained(module.network, curves, record, trainer)


def datamodule(experiment: Experiment, fold: Fold, *, seed: int) -> FoldDataModule:
    """The data module of one fold; what joins its batches shows nobody of the run's own whom it does not train on."""
    config, companions = experiment.config, None
    if experiment.cotraining is not None and fold.train:
        companions = companions_of(experiment, experiment.cotraining, fold)
    return FoldDataModule(
        experiment.inputs,
        experiment.table,
        fold,
        input=config.input,
        augment=config.augment,
        optim=config.optim,
        trainer=config.trainer,
        seed=seed,
        companions=companions,
    )


def companions_of(experiment: Experiment, samples: PreparedSamples, fold: Fold) -> CotrainingSamples:
    """Samples of co-training for one fold, under the run's classes; MerError where nobody is left for it.

    Of the protocol's own people only those come along whom the fold trains on (`lineage.cotraining_ids`).
    """
    ids = set(trained_on.cotraining_ids(experiment, samples, fold))
    rows = np.flatnonzero(samples.table.frame["sample_id"].isin(ids).to_numpy())
    if not len(rows):
        raise MerError(
            f"cotrain: fold {fold.name} does without every person of {samples.table.name}, whom it tests or holds "
            "back; nobody is left to join"
        )
    numbers = np.array([experiment.table.classes.index(name) for name in samples.table.classes], dtype=np.int64)
    clips = experiment.config.cotrain.clips
    share = experiment.config.cotrain.share if clips is None else clips / (clips + len(fold.train))
    return CotrainingSamples(np.asarray(samples.inputs), numbers[samples.table.targets], rows, share)


def build_module(experiment: Experiment, data: FoldDataModule) -> RecognitionModule:
    """The untrained module of one fold."""
    return RecognitionModule(
        model=asdict(experiment.config.model),
        optim=asdict(experiment.config.optim),
        in_channels=experiment.inputs.shape[1],
        classes=list(experiment.table.classes),
        class_weights=data.class_weights,
        seed=data.seed,
    )


def build_trainer(config: Config, callbacks: list) -> Trainer:
    """Lightning's trainer with the configured hardware; files and progress are ours, so its own are off."""
    hardware, optim = config.trainer, config.optim
    return Trainer(
        accelerator=hardware.accelerator,
        devices=hardware.devices,
        strategy=hardware.strategy,
        precision=hardware.precision,  # type: ignore[arg-type]
        max_epochs=-1 if optim.epochs is None else optim.epochs,
        max_steps=-1 if optim.iterations is None else optim.iterations,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=1.0 if any(isinstance(one, BestEpoch) for one in callbacks) else 0,
        deterministic="warn" if torch.cuda.is_available() else True,
        # our samplers split an epoch over ranks themselves; Lightning's would pad it with samples counted twice
        use_distributed_sampler=False,
    )
