from __future__ import annotations

import io
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch

from mer.config import ModelConfig, OptimConfig
from mer.inputs.datamodule import mixup
from mer.train.lightning.callbacks import BestEpoch, CurveRecorder
from mer.train.lightning.losses import ClassificationLoss
from mer.train.lightning.module import RecognitionModule
from mer.train.lightning.optimizer import config_errors, lr_factor
from mer.utils.seeding import seed_from


def build(**options) -> RecognitionModule:
    recipe = {"model": asdict(ModelConfig()), "optim": asdict(OptimConfig(**options))}
    return RecognitionModule({"in_channels": 3, "classes": ["a", "b", "c"]}, recipe)


def test_hyperparameters_load_with_weights_only():
    module = build()
    stored = io.BytesIO()
    torch.save({"hyper_parameters": dict(module.hparams), "state_dict": module.state_dict()}, stored)
    stored.seek(0)
    loaded = torch.load(stored, weights_only=True)
    again = RecognitionModule(**loaded["hyper_parameters"])
    again.load_state_dict(loaded["state_dict"])
    x = torch.randn(2, 3, 28, 28)
    assert torch.equal(again.eval()(x), module.eval()(x))


def test_cosine_matches_torchs_own_after_the_warm_up():
    options = OptimConfig(schedule="cosine", warmup=0.0)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)
    for step in range(40):
        assert lr_factor(options, step, 40) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9)
        optimizer.step()
        reference.step()


def test_steps_match_torchs_own():
    options = OptimConfig(schedule="step", warmup=0.0, step_every=7, gamma=0.1)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    reference = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    for step in range(30):
        assert lr_factor(options, step, 30) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()


def test_warm_up_rises_to_one_and_is_never_zero():
    options = OptimConfig(schedule="constant", warmup=0.2)
    factors = [lr_factor(options, step, 50) for step in range(50)]
    assert factors[0] > 0
    assert factors[:10] == sorted(factors[:10])
    assert factors[10:] == [1.0] * 40


def test_weighted_loss_equals_the_weighted_mean_by_hand():
    recipe = {"model": asdict(ModelConfig()), "optim": asdict(OptimConfig())}
    module = RecognitionModule({"in_channels": 1, "classes": ["a", "b"]}, recipe).eval()
    module.loss = ClassificationLoss(OptimConfig(), [1.0, 3.0])
    batch = {"image": torch.randn(4, 1, 28, 28), "target": torch.tensor([0, 1, 1, 0])}
    with torch.no_grad():
        found = module.training_step(batch, 0).item()
        losses = -module(batch["image"]).double().log_softmax(1)[range(4), batch["target"]].numpy()
    weights = np.array([1.0, 3.0, 3.0, 1.0])
    assert found == pytest.approx((weights * losses).sum() / weights.sum(), rel=1e-5)


def test_epoch_scores_are_means_over_samples_and_start_anew():
    module = build().eval()
    first = {"image": torch.randn(6, 3, 28, 28), "target": torch.tensor([0, 1, 2, 0, 1, 2])}
    second = {"image": torch.randn(2, 3, 28, 28), "target": torch.tensor([0, 0])}
    with torch.no_grad():
        losses = [module.training_step(batch, 0).item() for batch in (first, second)]
        hits = sum((module(batch["image"]).argmax(1) == batch["target"]).sum().item() for batch in (first, second))
    scores = module.train_scores()
    assert scores["train_loss"] == pytest.approx((6 * losses[0] + 2 * losses[1]) / 8, rel=1e-5)
    assert scores["train_accuracy"] == pytest.approx(hits / 8)
    module.on_train_epoch_start()
    with torch.no_grad():
        module.training_step(second, 0)
    assert module.train_scores()["train_loss"] == pytest.approx(losses[1], rel=1e-5)


def one_batch() -> dict[str, torch.Tensor]:
    images = torch.randn(6, 3, 28, 28, generator=torch.Generator().manual_seed(5))
    return {"image": images, "target": torch.tensor([0, 1, 2, 0, 1, 2])}


def test_mixed_steps_have_the_mean_loss_of_both_labels_and_mix_anew_each_batch(monkeypatch):
    module, batch = build(mixup=0.4).eval(), one_batch()
    with torch.no_grad():
        losses = [module.training_step(batch, index).item() for index in (0, 1, 0)]
        drawn = mixup.draw(6, alpha=0.4, seed=seed_from(0, "mix", 0, 0, 0))
        logits = module(mixup.mix(batch["image"], batch["target"], drawn, classes=3)[0])
    own = torch.nn.functional.cross_entropy(logits, batch["target"]).item()
    partner = torch.nn.functional.cross_entropy(logits, batch["target"][drawn.order]).item()
    assert losses[0] == losses[2] != losses[1]
    assert losses[0] == pytest.approx(drawn.share * own + (1 - drawn.share) * partner, rel=1e-4)
    monkeypatch.setattr(RecognitionModule, "current_epoch", 1)
    with torch.no_grad():
        assert module.training_step(batch, 0).item() != losses[0]


def test_validation_is_not_mixed():
    mixed, plain = build(mixup=0.4).eval(), build().eval()
    mixed.network.load_state_dict(plain.network.state_dict())
    for module in (mixed, plain):
        module.validation_step(one_batch(), 0)
    assert mixed.validation_scores() == plain.validation_scores()


class _Module:
    """Stands for a LightningModule: a network and nothing else."""

    def __init__(self) -> None:
        self.network = torch.nn.Linear(1, 1)


def test_the_best_epoch_of_the_inner_split_is_put_back():
    curves, module = CurveRecorder(validation=True), _Module()
    keeper = BestEpoch(curves)
    scores = [(0.4, 1.0), (0.6, 0.9), (0.6, 0.8), (0.6, 0.8), (0.5, 0.1)]
    for epoch, (score, loss) in enumerate(scores):
        torch.nn.init.constant_(module.network.weight, epoch)
        curves.rows.append({"epoch": epoch, "validation_uf1": score, "validation_loss": loss})
        keeper.on_train_epoch_end(None, module)
    keeper.on_train_end(None, module)
    assert keeper.epoch == 2, "highest UF1, then lowest loss, then the earlier epoch"
    assert module.network.weight.item() == 2
    assert isinstance(curves.table(), pd.DataFrame)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"name": "adam"}, "optim.name"),
        ({"iterations": 5}, "optim.epochs"),
        ({"epochs": None}, "optim.epochs"),
        ({"epochs": 0}, "optim.epochs"),
        ({"batch_size": 1}, "optim.batch_size"),
        ({"lr": 0.0}, "optim.lr"),
        ({"lr": float("nan")}, "optim.lr"),
        ({"warmup": 1.0}, "optim.warmup"),
        ({"balance": "smote"}, "optim.balance"),
        ({"mixup": -0.1}, "optim.mixup"),
        ({"mixup": float("inf")}, "optim.mixup"),
        ({"average": "mean"}, "optim.average"),
        ({"average_decay": 1.0}, "optim.average_decay"),
        ({"freeze": -1}, "optim.freeze"),
    ],
)
def test_a_bad_recipe_names_its_key(options, key):
    assert any(key in problem for problem in config_errors(OptimConfig(**options)))


def test_the_default_recipe_has_no_problem():
    assert config_errors(OptimConfig()) == []
