"""Train one network, of a fold or of a stage, with `fit`.

Contract: the trained weights depend on samples, fold, configuration, seeds and initial weights only, not on other
trainings or the number of processes. Writes no file.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.loggers import Logger

from mer.config import Config
from mer.errors import SampleError
from mer.inputs.datamodule.cotraining import CotrainingSamples
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.inputs.prepared_samples import PreparedSamples
from mer.models.network import RecognitionNetwork
from mer.protocols.registry import Fold
from mer.train.fold.ensemble import member_seed
from mer.train.fold.initial_weights import InitialWeights, load_initial_weights
from mer.train.lightning.callbacks import BestEpoch, CurveRecorder
from mer.train.lightning.module import RecognitionModule
from mer.train.lightning.signals import fit_interruptibly
from mer.train.lightning.sync_batchnorm import convert_sync_batchnorm
from mer.train.lightning.weight_averaging import Averaging
from mer.utils.seeding import seed_from

# Silence Lightning's notes on hardware and loader processes, which it repeats for every fold; errors still show.
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
for line in (
    ".*does not have many workers.*",
    ".*smaller than the logging interval.*",
    ".*isinstance.treespec, LeafSpec.*",
):
    warnings.filterwarnings("ignore", message=line)


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        network: the network, in evaluation mode.
        curves: one row per epoch.
        record: epochs, chosen_epoch, validation_uf1, steps, train_seconds, seed and origin (sentences on the initial
            weights), as in `fold.json` and `stage.json`.
        trainer: Lightning's trainer; None if there was no training sample.
    """

    network: RecognitionNetwork
    curves: CurveRecorder
    record: dict[str, Any]
    trainer: Trainer | None

    @property
    def main(self) -> bool:
        """Return whether this process writes files: it is the only one, or rank 0."""
        return self.trainer is None or self.trainer.is_global_zero

    def wait(self) -> None:
        """Wait until every process of the training calls this."""
        if self.trainer is not None:
            self.trainer.strategy.barrier()


def fit(
    data: PreparedSamples,
    fold: Fold,
    config: Config,
    *,
    member: int = 0,
    seed: int | None = None,
    data_seed: int | None = None,
    start: InitialWeights | None = None,
    cotraining: CotrainingSamples | None = None,
    logger: Logger | Iterable[Logger] | None = None,
    callbacks: Sequence[Callback] = (),
) -> Trained:
    """Train a network on `fold.train`; without training samples, return it with its initial weights.

    Args:
        data: all samples with their inputs; only rows in `fold.train` and `fold.validation` are read.
        fold: the samples that train, and those that choose the epoch.
        config: optimiser, network and hardware.
        member: number of the network in an ensemble (`config.members`); decides seeds that are None.
        seed: seed of initial weights and dropout; None for the seed that a run of `config` gives this fold.
        data_seed: seed of sample order and augmentation; None likewise.
        start: initial weights, instead of `config.init`.
        cotraining: samples of another source, added to every batch.
        logger: one or several Lightning loggers.
        callbacks: further Lightning callbacks.

    Raises:
        FloatingPointError: if the loss is not finite.
        SampleError: if the input of a sample is not finite.
    """
    own_seed = member_seed(config.seed, member)
    seed = seed_from(own_seed, "fold", fold.name) if seed is None else seed
    data_seed = seed_from(own_seed, "data", fold.name) if data_seed is None else data_seed
    torch.set_num_threads(config.trainer.threads)
    seed_everything(seed, verbose=False)
    loaders = FoldDataModule(data, fold, config, seed=data_seed, cotraining=cotraining)
    module = RecognitionModule(data, config, seed=seed, initialise=start is None)
    network = module.network
    if start is not None:
        origin = load_initial_weights(network, start, data.classes)
    else:
        origin = list(module.load_report.sentences) if module.load_report is not None else []
    curves = CurveRecorder(validation=bool(fold.validation))
    chooser = BestEpoch(curves)
    trainer = None
    if fold.train:
        if config.trainer.devices > 1:
            convert_sync_batchnorm(module)
        own: list[Callback] = [curves]
        if config.optim.average != "none":
            own.append(Averaging(config.optim))
        if fold.validation:
            own.append(chooser)  # behind the average, which it chooses among and puts back
        trainer = build_trainer(config, [*own, *callbacks], validation=bool(fold.validation), logger=logger)
        try:
            fit_interruptibly(trainer, module, loaders)
        except FloatingPointError:
            _blame_inputs(data, [*fold.train, *fold.validation])
            raise
        finally:
            release(trainer, module)
    network.eval()
    record = {
        "epochs": len(curves.rows),
        "chosen_epoch": chooser.epoch if fold.validation else None,
        "validation_uf1": chooser.score if fold.validation else None,
        "steps": 0 if trainer is None else trainer.global_step,
        "train_seconds": curves.step_seconds,
        "seed": seed,
        "origin": origin,
    }
    return Trained(network, curves, record, trainer)


def _blame_inputs(data: PreparedSamples, samples: Sequence[str]) -> None:
    """Raise a SampleError if an input, and not the learning rate, makes the loss NaN or infinite."""
    bad = data.not_finite(samples)
    if bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise SampleError(
            f"{bad[0]}{more}: expected finite inputs, got NaN or infinite values, so nothing can be learned; copy the "
            "files again from the original, or leave their rows out"
        )


def release(trainer: Trainer, module: RecognitionModule) -> None:
    """Remove network and optimiser from the reference cycle that a finished training leaves.

    Why: trainer, module, data module and callbacks refer to each other. Python's garbage collector counts objects, not
    bytes, so it would free such a cycle only many folds later.
    """
    module.zero_grad()  # gradients are as large as the network
    trainer.strategy.optimizers, trainer.strategy.lr_scheduler_configs = [], []
    del module.network, module.frozen_norms


def build_trainer(
    config: Config,
    callbacks: Sequence[Callback] = (),
    *,
    validation: bool = False,
    logger: Logger | Iterable[Logger] | None = None,
) -> Trainer:
    """Return Lightning's trainer for the configured hardware, without its own files and progress bar."""
    hardware, optim = config.trainer, config.optim
    return Trainer(
        accelerator=hardware.accelerator,
        devices=hardware.devices,
        strategy=hardware.strategy,
        precision=hardware.precision,  # type: ignore[arg-type]
        max_epochs=-1 if optim.epochs is None else optim.epochs,
        max_steps=-1 if optim.iterations is None else optim.iterations,
        callbacks=list(callbacks),
        logger=logger or False,
        enable_checkpointing=any(isinstance(one, Checkpoint) for one in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=1.0 if validation else 0,
        deterministic="warn" if torch.cuda.is_available() else True,
        # our samplers split an epoch over ranks themselves; Lightning's would pad it with samples counted twice
        use_distributed_sampler=False,
    )
