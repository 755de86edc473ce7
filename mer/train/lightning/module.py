"""Define `RecognitionModule`: network, loss, optimiser and schedule of one training.

Contract: a batch is a dict `{"image": (N, C, H, W) float32, "target": (N,) int64}`; targets of units are (N, K)
float32. Each epoch it logs `train_loss`, `train_accuracy` and `lr`, and with an inner split `validation_loss` and
`validation_uf1`, for any logger and callback of Lightning. Hyperparameters are plain dicts and lists, so its
checkpoints load with `weights_only=True` and `load_from_checkpoint` needs no arguments.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torchmetrics import MeanMetric

from mer.config import Config, ModelConfig, OptimConfig, from_dict
from mer.errors import MerError
from mer.inputs.datamodule import mixup as mixing
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.inputs.prepared_samples import PreparedSamples
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.models import build, freeze
from mer.models.pretrained.initialise import load_weights
from mer.models.pretrained.load_report import LoadReport
from mer.train.lightning.objectives import objective_of
from mer.train.lightning.optimizer import make_optimizer
from mer.utils.seeding import seed_from


class RecognitionModule(LightningModule):
    """LightningModule that trains a network to classify the input of a clip.

    If the trainer has a `FoldDataModule`, the loss takes its class weights from it.

    Args:
        data: gives channels and names of classes or units; or a mapping with `in_channels`, `classes` and, true for
            action units, `units`, as in a checkpoint.
        config: `model`, `optim` and `init` are read; or a mapping with the fields of `model` and `optim`, as in a
            checkpoint.
        seed: seed of torch's generator, so of initial weights and dropout; None for `config.seed`.
        initialise: whether to load the weights that `config.init` selects.

    Attributes:
        network: the network to train.
        load_report: which tensors were loaded from the file of `config.init`; None without a file.
        frozen_norms: normalisation layers whose statistics do not change.
    """

    def __init__(
        self,
        data: PreparedSamples | Mapping[str, Any],
        config: Config | Mapping[str, Any],
        *,
        seed: int | None = None,
        initialise: bool = True,
    ) -> None:
        super().__init__()
        init = config.init if isinstance(config, Config) and initialise else None
        is_intensity = isinstance(config, Config) and REPRESENTATIONS[config.input.representation].is_intensity
        if isinstance(config, Config):
            seed = config.seed if seed is None else seed
            config = {"model": asdict(config.model), "optim": asdict(config.optim)}
        if isinstance(data, PreparedSamples):
            units = {"units": True} if data.units else {}
            data = {"in_channels": data.channels, "classes": list(data.classes), **units}
        # the frame that Lightning looks up by itself refers to itself, and keeps its callers and their networks alive
        hyperparameters = {"data": dict(data), "config": dict(config), "seed": seed}
        self.save_hyperparameters(hyperparameters, frame=inspect.currentframe())
        if seed is not None:
            torch.manual_seed(seed)
        classes = tuple(data["classes"])
        self.optim = from_dict(OptimConfig, config["optim"])
        model = from_dict(ModelConfig, config["model"])
        self.network = build(model, in_channels=data["in_channels"], classes=len(classes))
        self.frozen_norms = freeze(self.network, self.optim.freeze)
        self.objective = objective_of(data)
        self.loss = self.objective.loss(self.optim)
        self.mixing_seed = seed or 0
        # the scores raise on a loss that is not finite: kept as infinity, since "disable" drops the weights of batches
        self.train_loss = MeanMetric(nan_strategy=math.inf)
        self.train_accuracy = MeanMetric()
        self.validation_loss = MeanMetric(nan_strategy=math.inf)
        self.validation_uf1 = self.objective.metric()
        self.load_report: LoadReport | None = None
        if init is not None:
            self.load_report = load_weights(self.network, init, is_intensity=is_intensity, classes=classes)

    def setup(self, stage: str) -> None:
        """Take class weights and seed from the fold's data module; Lightning calls this before training."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if isinstance(data, FoldDataModule):
            self.adapt_to(data)
        elif stage == "fit" and self.optim.balance == "weighted":
            raise MerError(
                "optim.balance: expected a FoldDataModule, whose classes are counted for weighted, got other "
                "loaders; give it to the trainer as datamodule=..., or choose balance=none or oversample"
            )

    def adapt_to(self, data: FoldDataModule) -> None:
        """Take the weights of the loss and the seed of mixup from the data module of a fold."""
        self.loss = self.objective.loss(self.optim, data.class_weights).to(self.device)
        self.mixing_seed = data.seed

    def on_train_epoch_start(self) -> None:
        """Reset the scores of the epoch, and put frozen normalisation layers into evaluation mode."""
        self.train_loss.reset()
        self.train_accuracy.reset()
        for layer in self.frozen_norms:
            layer.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, K) of inputs (N, C, H, W)."""
        return self.network(x)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        """Return the loss of one batch; the accuracy of a mixed sample counts its class with the larger share."""
        images, targets = self._mixed(batch["image"], batch["target"], index)
        logits = self.network(images)
        loss = self.loss(logits, targets)
        count = len(targets)
        self.train_loss.update(loss.detach(), count)
        self.train_accuracy.update(self.objective.accuracy(logits.detach(), targets), count)
        return loss

    def _mixed(self, images: Tensor, targets: Tensor, index: int) -> tuple[Tensor, Tensor]:
        """Return the inputs and targets of a step, after mixup with a seed of epoch, batch and process."""
        if not self.optim.mixup:
            return images, targets
        seed = seed_from(self.mixing_seed, "mix", self.current_epoch, index, self.global_rank)
        drawn = mixing.draw(len(images), alpha=self.optim.mixup, seed=seed)
        return self.objective.mix(images, targets, drawn)

    def on_train_epoch_end(self) -> None:
        """Log the scores of the training batches and the learning rate."""
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        self.log_dict({**self.train_scores(), "lr": rate})

    def on_validation_epoch_start(self) -> None:
        """Reset the scores of the inner split."""
        self.validation_loss.reset()
        self.validation_uf1.reset()

    def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
        """Update the loss and UF1 of the inner split, which never contains the held-out subject."""
        logits = self.network(batch["image"])
        self.validation_loss.update(self.loss(logits, batch["target"]), len(batch["target"]))
        self.validation_uf1.update(self.objective.decide(logits), batch["target"])

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the inner split."""
        self.log_dict(self.validation_scores())

    def train_scores(self) -> dict[str, float]:
        """Return mean loss and accuracy of the epoch so far.

        Raises:
            FloatingPointError: if the loss is not finite.
        """
        loss = _finite(self.train_loss.compute(), "the loss")
        return {"train_loss": loss, "train_accuracy": float(self.train_accuracy.compute())}

    def validation_scores(self) -> dict[str, float]:
        """Return loss and UF1 of the inner split.

        UF1 is the mean over the classes or units in the inner split: a few subjects seldom show every class, and an
        absent class would only add a constant.

        Raises:
            FloatingPointError: if the loss is not finite.
        """
        return {
            "validation_loss": _finite(self.validation_loss.compute(), "the loss on the inner split"),
            "validation_uf1": float(self.validation_uf1.compute()),
        }

    def configure_optimizers(self) -> Any:
        """Return the optimiser with its parameter groups, and the schedule per iteration."""
        optimizer, scheduler = make_optimizer(self.network, self.optim, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def _finite(value: Tensor, what: str) -> float:
    """Return a loss as a float, or raise FloatingPointError."""
    loss = float(value)
    if not math.isfinite(loss):
        raise FloatingPointError(f"training diverged: {what} is not finite any more; try a lower optim.lr")
    return loss
