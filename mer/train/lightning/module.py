"""The LightningModule: network, loss, optimiser and schedule of one training.

Contract: a batch is a dict `{"image": (N, C, H, W) float32, "target": (N,) int64}`. Once an epoch it logs `train_loss`
and `train_accuracy`, and where there is an inner split `validation_loss` and `validation_uf1`, so that any logger and
callback of Lightning can use them. Hyperparameters are plain dicts and lists, so that any checkpoint of it loads with
`weights_only=True` and `load_from_checkpoint` needs no arguments.
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
from mer.config_check import limit_errors
from mer.errors import MerError
from mer.evaluation.metric_modules import UnweightedF1
from mer.inputs.datamodule import mixup as mixing
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.inputs.prepared_samples import PreparedSamples
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.models import build, freeze, parameter_groups
from mer.models.backbones.registry import BACKBONES
from mer.models.parameter_groups import level_config_errors
from mer.models.pretrained.initialise import load_weights
from mer.models.pretrained.load_report import LoadReport
from mer.train.lightning.losses import ClassificationLoss
from mer.utils.seeding import seed_from


class RecognitionModule(LightningModule):
    """A network as a classifier of one clip's input, with its recipe.

    Under a trainer that is given a `FoldDataModule` it takes the weights of the classes in the loss from it.

    Args:
        data: channels and class names are read; as a mapping: `in_channels` and `classes`, as a checkpoint keeps them.
        config: `model`, `optim` and `init` are read; as a mapping: fields of `model` and `optim` alone, as a checkpoint
            keeps them.
        seed: torch's generator is set to it, so that it decides the first weights and the dropout; None for
            `config.seed`.
        initialise: False leaves the weights as drawn, whatever `config.init` says.

    Attributes:
        network: what is trained.
        load_report: what became of the file of `config.init`; None where none was asked for.
        frozen_norms: normalisation layers whose statistics stay.
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
        pixels = isinstance(config, Config) and REPRESENTATIONS[config.input.representation].is_intensity
        if isinstance(config, Config):
            seed = config.seed if seed is None else seed
            config = {"model": asdict(config.model), "optim": asdict(config.optim)}
        if isinstance(data, PreparedSamples):
            data = {"in_channels": data.channels, "classes": list(data.classes)}
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
        self.loss = ClassificationLoss(self.optim)
        self.classes, self.mixing_seed = len(classes), seed or 0
        # the scores raise on a loss that is not finite: kept as infinity, since "disable" drops the weights of batches
        self.train_loss = MeanMetric(nan_strategy=math.inf)
        self.train_accuracy = MeanMetric()
        self.validation_loss = MeanMetric(nan_strategy=math.inf)
        self.validation_uf1 = UnweightedF1(len(classes), absent="skip")
        self.load_report: LoadReport | None = None
        if init is not None:
            self.load_report = load_weights(self.network, init, pixels=pixels, classes=classes)

    def setup(self, stage: str) -> None:
        """Take what belongs to the fold from its data module; Lightning calls this before anything is trained."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if isinstance(data, FoldDataModule):
            self.adapt_to(data)
        elif stage == "fit" and self.optim.balance == "weighted":
            raise MerError(
                "optim.balance: expected a FoldDataModule, whose classes are counted for weighted, got other "
                "loaders; give it to the trainer as datamodule=..., or choose balance=none or oversample"
            )

    def adapt_to(self, data: FoldDataModule) -> None:
        """Weigh the classes in the loss and mix samples as one fold asks."""
        self.loss = ClassificationLoss(self.optim, data.class_weights).to(self.device)
        self.mixing_seed = data.seed

    def on_train_epoch_start(self) -> None:
        """Begin the scores of an epoch, and put frozen normalisation layers into evaluation mode."""
        self.train_loss.reset()
        self.train_accuracy.reset()
        for layer in self.frozen_norms:
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
        if not self.optim.mixup:
            return images, targets
        seed = seed_from(self.mixing_seed, "mix", self.current_epoch, index, self.global_rank)
        drawn = mixing.draw(len(images), alpha=self.optim.mixup, seed=seed)
        return mixing.mix(images, targets, drawn, classes=self.classes)

    def on_train_epoch_end(self) -> None:
        """Log the scores of the training batches."""
        self.log_dict(self.train_scores())

    def on_validation_epoch_start(self) -> None:
        """Begin the scores of the inner split."""
        self.validation_loss.reset()
        self.validation_uf1.reset()

    def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
        """Loss and confusion of one batch of the inner split; never sees the held-out subject."""
        logits = self.network(batch["image"])
        self.validation_loss.update(self.loss(logits, batch["target"]), len(batch["target"]))
        self.validation_uf1.update(logits.argmax(1), batch["target"])

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the inner split."""
        self.log_dict(self.validation_scores())

    def train_scores(self) -> dict[str, float]:
        """Mean loss and accuracy of the epoch so far; FloatingPointError where training diverged."""
        loss = _finite(self.train_loss.compute(), "the loss")
        return {"train_loss": loss, "train_accuracy": float(self.train_accuracy.compute())}

    def validation_scores(self) -> dict[str, float]:
        """Loss and UF1 of the inner split.

        UF1 here is the mean over the classes that the inner split holds: a few subjects seldom show every class, and
        a class that cannot be hit would only add a constant. Raises FloatingPointError where the loss is not finite.
        """
        return {
            "validation_loss": _finite(self.validation_loss.compute(), "the loss on the inner split"),
            "validation_uf1": float(self.validation_uf1.compute()),
        }

    def configure_optimizers(self) -> Any:
        """Optimiser with the recipe's parameter groups, schedule per iteration."""
        options = self.optim
        groups = parameter_groups(
            self.network, lr=options.lr, weight_decay=options.weight_decay, bias_lr=options.bias_lr
        )
        optimizer: torch.optim.Optimizer
        if options.name == "sgd":
            optimizer = torch.optim.SGD(groups, lr=options.lr, momentum=options.momentum, fused=True)
        else:
            optimizer = torch.optim.AdamW(groups, lr=options.lr, fused=True)
        total = int(self.trainer.estimated_stepping_batches)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: lr_factor(options, step, total))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def _finite(value: Tensor, what: str) -> float:
    """Return a loss as a float, or raise FloatingPointError."""
    loss = float(value)
    if not math.isfinite(loss):
        raise FloatingPointError(f"training diverged: {what} is not finite any more; try a lower optim.lr")
    return loss


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
    found = limit_errors(optim, "optim")
    if (optim.epochs is None) == (optim.iterations is None):
        found.append(
            f"optim.epochs and optim.iterations: expected exactly one of them, got epochs={optim.epochs} and "
            f"iterations={optim.iterations}; set the other to null"
        )
    return found


def freeze_config_errors(optim: OptimConfig, model: ModelConfig) -> list[str]:
    """What is wrong with the number of frozen levels for this network; nothing where its family is not known."""
    backbone = BACKBONES.get(model.backbone)
    return [] if backbone is None else level_config_errors(backbone.levels, optim.freeze)
