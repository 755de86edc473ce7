"""The LightningModule: network, loss, optimiser and schedule of one training.

Contract: hyperparameters are plain dicts and lists, so that any checkpoint of it loads with `weights_only=True`; a
batch is a dict `{"image": (N, C, H, W) float32, "target": (N,) int64, "row": (N,) int64}`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassConfusionMatrix

from mer.config import ModelConfig, OptimConfig, from_dict
from mer.evaluation.metrics import f1
from mer.inputs.datamodule import mixup as mixing
from mer.models import build, freeze, parameter_groups
from mer.models.build import BACKBONES
from mer.models.parameter_groups import level_config_errors
from mer.train.lightning.losses import LOSSES, ClassificationLoss
from mer.train.lightning.weight_averaging import AVERAGES
from mer.utils.seeding import seed_from


class RecognitionModule(LightningModule):
    """Micro-attention network as a classifier of one clip's input.

    Args:
        model: fields of `ModelConfig`.
        optim: fields of `OptimConfig`.
        in_channels: channels of the input.
        classes: names of the classes, in the order of the logits.
        class_weights: weight of each class in the loss, or None.
        seed: of what is drawn in a step, the mixing of samples.

    Attributes:
        held: normalisation layers whose statistics stay.
    """

    def __init__(
        self,
        *,
        model: dict[str, Any],
        optim: dict[str, Any],
        in_channels: int,
        classes: list[str],
        class_weights: list[float] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.optim = from_dict(OptimConfig, optim)
        self.network = build(from_dict(ModelConfig, model), in_channels=in_channels, classes=len(classes))
        self.held = freeze(self.network, self.optim.freeze, norm=self.optim.freeze_norm)
        self.loss = ClassificationLoss(self.optim, class_weights)
        self.classes, self.seed = len(classes), seed
        # a loss that is no number ends the training by `train_scores`; the metric itself need not speak of it
        self.train_loss = MeanMetric(nan_strategy="ignore")
        self.train_accuracy = MeanMetric()
        self.validation_loss = MeanMetric()
        self.validation_confusion = MulticlassConfusionMatrix(num_classes=len(classes))

    def on_train_epoch_start(self) -> None:
        """Put the layers that are held into evaluation mode; Lightning keeps them so around the inner split."""
        for layer in self.held:
            layer.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, K) of inputs (N, C, H, W)."""
        return self.network(x)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        """Loss of one batch; the accuracy of mixed samples is that on the class with the larger share."""
        images, targets = self._mixed(batch["image"], batch["target"], index)
        logits = self.network(images)
        loss = self.loss(logits, targets)
        count = len(targets)
        classes = targets if targets.ndim == 1 else targets.argmax(1)
        self.train_loss.update(loss.detach(), count)
        self.train_accuracy.update((logits.detach().argmax(1) == classes).float().mean(), count)
        return loss

    def _mixed(self, images: Tensor, targets: Tensor, index: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a step, mixed as the recipe asks by a seed of epoch, batch and process."""
        mixup, cutmix = self.optim.mixup, self.optim.cutmix
        if not (mixup or cutmix):
            return images, targets
        seed = seed_from(self.seed, "mix", self.current_epoch, index, self.global_rank)
        height, width = images.shape[-2:]
        drawn = mixing.draw(len(images), (height, width), mixup=mixup, cutmix=cutmix, seed=seed)
        return mixing.mix(images, targets, drawn, classes=self.classes)

    def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
        """Loss and confusion of one batch of the inner split; never sees the held-out subject."""
        logits = self.network(batch["image"])
        self.validation_loss.update(self.loss(logits, batch["target"]), len(batch["target"]))
        self.validation_confusion.update(logits.argmax(1), batch["target"])

    def train_scores(self) -> dict[str, float]:
        """Mean loss and accuracy of the epoch that ends, then reset; FloatingPointError where training diverged."""
        loss = _take(self.train_loss)
        if not math.isfinite(loss):
            raise FloatingPointError("training diverged: the loss is no finite number any more; try a lower optim.lr")
        return {"train_loss": loss, "train_accuracy": _take(self.train_accuracy)}

    def validation_scores(self) -> dict[str, float]:
        """Loss and UF1 of the inner split, then reset.

        UF1 here is the mean over the classes that the inner split holds: a few subjects seldom show every class, and
        a class that cannot be hit would only add a constant.
        """
        confusion = self.validation_confusion.compute().cpu().numpy()
        scores = {"validation_loss": _take(self.validation_loss), "validation_uf1": float(np.nanmean(f1(confusion)))}
        self.validation_confusion.reset()
        return scores

    def configure_optimizers(self) -> Any:
        """Optimiser with the recipe's parameter groups, schedule per iteration."""
        options = self.optim
        groups = parameter_groups(
            self.network,
            lr=options.lr,
            weight_decay=options.weight_decay,
            bias_lr=options.bias_lr,
            layer_decay=options.layer_decay,
        )
        optimizer: torch.optim.Optimizer
        if options.name == "sgd":
            optimizer = torch.optim.SGD(groups, lr=options.lr, momentum=options.momentum, fused=True)
        else:
            optimizer = torch.optim.AdamW(groups, lr=options.lr, fused=True)
        total = int(self.trainer.estimated_stepping_batches)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: lr_factor(options, step, total))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def lr_factor(options: OptimConfig, step: int, total: int) -> float:
    """Factor on the learning rate at iteration `step` of `total`: linear warm-up, then cosine to 0, steps, or 1."""
    warmup = round(options.warmup * total)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if options.schedule == "step":
        return options.gamma ** (step // options.step_every)
    if options.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))
    return 1.0


def config_errors(optim: OptimConfig) -> list[str]:
    """What is wrong with the recipe, one sentence a key."""
    found = []
    choices = {
        "name": ("adamw", "sgd"),
        "schedule": ("cosine", "step", "constant"),
        "balance": ("none", "weighted", "effective", "oversample"),
        "loss": LOSSES,
        "average": AVERAGES,
    }
    for key, allowed in choices.items():
        if getattr(optim, key) not in allowed:
            found.append(f"optim.{key}: expected one of {', '.join(allowed)}, got '{getattr(optim, key)}'")
    if (optim.epochs is None) == (optim.iterations is None):
        found.append(
            f"optim.epochs and optim.iterations: expected exactly one of them, got epochs={optim.epochs} and "
            f"iterations={optim.iterations}; set the other to null"
        )
    for key in ("epochs", "iterations", "step_every"):
        value = getattr(optim, key)
        if value is not None and value < 1:
            found.append(f"optim.{key}: expected at least 1, got {value}")
    if optim.batch_size < 2:
        found.append(
            f"optim.batch_size: expected at least 2 (batch normalisation needs two samples), got {optim.batch_size}"
        )
    if not 0 < optim.lr < math.inf:
        found.append(f"optim.lr: expected a positive number, got {optim.lr}")
    for key in ("weight_decay", "bias_lr", "gamma", "focal_gamma", "mixup", "cutmix", "freeze"):
        if not 0 <= getattr(optim, key) < math.inf:
            found.append(f"optim.{key}: expected 0 or a positive number, got {getattr(optim, key)}")
    if not 0 < optim.layer_decay <= 1:
        found.append(f"optim.layer_decay: expected 0 < value <= 1, got {optim.layer_decay}")
    for key in ("warmup", "label_smoothing", "momentum", "effective_beta", "average_decay", "average_start"):
        if not 0 <= getattr(optim, key) < 1:
            found.append(f"optim.{key}: expected 0 <= value < 1, got {getattr(optim, key)}")
    return found


def freeze_config_errors(optim: OptimConfig, model: ModelConfig) -> list[str]:
    """What is wrong with the number of frozen levels for this network; nothing where its family is not known."""
    backbone = BACKBONES.get(model.backbone)
    return [] if backbone is None else level_config_errors(backbone.levels, optim.freeze)


def _take(metric: MeanMetric) -> float:
    value = float(metric.compute())
    metric.reset()
    return value
