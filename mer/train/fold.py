"""Training of one fold: a pure function of (study, fold) that leaves one complete folder, or none.

Contract: the files are written into a temporary folder that is renamed into place when all are there; a fold's numbers
depend on the configuration and the fold's name, not on which folds ran before, beside or on how many processes.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Trainer, seed_everything

from mer.evaluation import files
from mer.evaluation.predictions import write_predictions
from mer.inputs.datamodule import FoldDataModule
from mer.models import checkpoint
from mer.models.network import RecognitionNetwork
from mer.protocols.folds import Fold
from mer.provenance import config_hash, environment, seed_from, write_json
from mer.train.callbacks import BestEpoch, Curves
from mer.train.module import RecognitionModule
from mer.train.predict import attention_samples, predict_fold
from mer.train.study import Study
from mer.train.sync import synchronise

# Lightning speaks of hardware, of products, of more loader processes, at every fold; errors still come through.
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
for line in (
    ".*does not have many workers.*",
    ".*smaller than the logging interval.*",
    ".*isinstance.treespec, LeafSpec.*",
):
    warnings.filterwarnings("ignore", message=line)


def run_fold(study: Study, fold: Fold, run: Path) -> Path:
    """Train and test one fold; returns its finished folder (with several devices: on every rank, written by rank 0)."""
    start = time.perf_counter()
    config = study.config
    torch.set_num_threads(config.trainer.threads)
    seed = seed_from(config.seed, "fold", fold.name)
    seed_everything(seed, verbose=False)
    data = datamodule(study, fold)
    module = build_module(study, data)
    if config.trainer.devices > 1:
        synchronise(module)
    curves = Curves(validation=bool(fold.validation))
    chooser = BestEpoch(curves)
    trainer = build_trainer(study, [curves, chooser] if fold.validation else [curves])
    trainer.fit(module, datamodule=data)
    target = files.fold_folder(run, fold.name)
    if trainer.is_global_zero:
        module.eval()
        data.setup("test")
        record = {
            "fold": fold.name,
            "train": len(fold.train),
            "validation": len(fold.validation),
            "test": len(fold.test),
            "epochs": len(curves.rows),
            "chosen_epoch": chooser.epoch if fold.validation else None,
            "validation_uf1": chooser.score if fold.validation else None,
            "steps": trainer.global_step,
            "train_seconds": curves.step_seconds,
            "seed": seed,
            "config_hash": config_hash(config),
            "environment": environment(),
        }
        predictions = predict_fold(study, fold, module.network, data.test_dataloader())
        record["accuracy"] = float((predictions["label"] == predictions["predicted"]).mean())
        _write_folder(study, fold, module.network, predictions, curves, record, target, start)
    trainer.strategy.barrier()
    return target


def datamodule(study: Study, fold: Fold) -> FoldDataModule:
    """The data module of one fold, seeded by the fold's name."""
    config = study.config
    return FoldDataModule(
        study.pixels,
        study.table,
        fold,
        input=config.input,
        augment=config.augment,
        optim=config.optim,
        trainer=config.trainer,
        seed=seed_from(config.seed, "data", fold.name),
    )


def build_module(study: Study, data: FoldDataModule) -> RecognitionModule:
    """The untrained module of one fold."""
    return RecognitionModule(
        model=asdict(study.config.model),
        optim=asdict(study.config.optim),
        in_channels=study.pixels.shape[1],
        classes=list(study.table.classes),
        class_weights=data.class_weights,
    )


def build_trainer(study: Study, callbacks: list) -> Trainer:
    """Lightning's trainer with the configured hardware; files and progress are ours, so its own are off."""
    hardware, optim = study.config.trainer, study.config.optim
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
        limit_val_batches=1.0 if study.config.protocol.validation else 0,
        deterministic="warn" if torch.cuda.is_available() else True,
        # our samplers split an epoch over ranks themselves; Lightning's would pad it with samples counted twice
        use_distributed_sampler=False,
    )


def _write_folder(
    study: Study,
    fold: Fold,
    network: RecognitionNetwork,
    predictions: pd.DataFrame,
    curves: Curves,
    record: dict,
    target: Path,
    start: float,
) -> None:
    """Write all files of a fold into a hidden folder, then rename it into place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        write_predictions(work / files.PREDICTIONS, predictions)
        curves.table().to_csv(work / files.CURVES, index=False)
        maps = attention_samples(study, fold, network)
        if maps:
            np.savez_compressed(work / files.ATTENTION, **maps)  # type: ignore[arg-type]
        card = {
            "classes": list(study.table.classes),
            "input": asdict(study.config.input),
            "trained_on": {"data": study.table.name, "synthetic": study.table.synthetic, "held_out": fold.name},
            "config_hash": record["config_hash"],
        }
        checkpoint.save(work / files.CHECKPOINT, network, model=study.config.model, card=card)
        write_json(work / files.FOLD, {**record, "seconds": time.perf_counter() - start})
        work.chmod(0o755)  # a temporary folder is private to its maker
        shutil.rmtree(target, ignore_errors=True)  # only a folder without its record can stand here: no finished fold
        work.replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
