"""Averages against sums written out over recorded steps; training left untouched."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mer.config import AttentionConfig, ModelConfig, OptimConfig
from mer.train.lightning.module import RecognitionModule
from mer.train.lightning.weight_averaging import Averaging, averaging_weight

SMALL = ModelConfig(width=2, stem="small", dropout=0.3, attention=AttentionConfig(stages=[]))
COUNT, CLASSES = 40, ["a", "b", "c"]
PIXELS = np.random.default_rng(0).normal(size=(COUNT + 7, 3, 28, 28)).astype(np.float32) * 3 + 1
ROWS = np.arange(3, 3 + COUNT)

State = dict[str, Tensor]


class Recorder(Callback):
    """Copies of the network's state after each step, and whenever it is validated."""

    def __init__(self) -> None:
        self.steps: list[State] = []
        self.validated: list[State] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        self.steps.append(copy.deepcopy(pl_module.network.state_dict()))

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.validated.append(copy.deepcopy(pl_module.network.state_dict()))


def batches() -> list[dict[str, Tensor]]:
    images, targets = torch.from_numpy(PIXELS[ROWS]), torch.arange(COUNT) % 3
    return [{"image": images[i::4], "target": targets[i::4]} for i in range(4)]


def train(
    *extra: Callback, epochs: int = 2, validate: bool = False, **options: Any
) -> tuple[RecognitionModule, Recorder, Averaging]:
    """A module trained for some epochs of 4 steps, what was recorded, and the average."""
    torch.manual_seed(0)
    recipe = OptimConfig(batch_size=10, epochs=epochs, lr=0.01, **options)
    module = RecognitionModule(
        {"in_channels": 3, "classes": CLASSES}, {"model": asdict(SMALL), "optim": asdict(recipe)}
    )
    recorder, averaging = Recorder(), Averaging(recipe)
    callbacks: list[Callback] = [recorder] if recipe.average == "none" else [recorder, averaging]
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=[*callbacks, *extra],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=1.0 if validate else 0,
    )
    given: DataLoader = DataLoader(batches(), batch_size=None)  # type: ignore[arg-type]
    trainer.fit(module, given, given)
    module.eval()
    return module, recorder, averaging


def close(found: State, expected: State, names: Sequence[str]) -> None:
    for name in names:
        torch.testing.assert_close(found[name].double(), expected[name].double(), rtol=2e-4, atol=1e-6, msg=name)


def mean(states: Sequence[State], weights: Sequence[float]) -> State:
    """Weighted mean of states, in double precision."""
    total = sum(weights)
    return {
        name: sum(w / total * state[name].double() for w, state in zip(weights, states, strict=True))
        for name in states[0]
    }


def floats(network: nn.Module) -> list[str]:
    return [name for name, value in network.state_dict().items() if value.is_floating_point()]


@pytest.mark.parametrize("decay", [0.0, 0.7, 0.99])
def test_ema_is_the_sum_over_all_steps_with_geometric_weights(decay: float) -> None:
    module, recorder, _ = train(average="ema", average_decay=decay)
    assert len(recorder.steps) == 8
    expected = mean(recorder.steps, [decay ** (7 - t) for t in range(8)])
    close(module.network.state_dict(), expected, floats(module.network))


@pytest.mark.parametrize("validate", [False, True])
def test_training_goes_on_as_without_an_average(validate: bool) -> None:
    _, plain, _ = train(epochs=3, validate=validate)
    _, recorder, averaging = train(epochs=3, validate=validate, average="ema")
    assert len(plain.steps) == len(recorder.steps) == 12
    for one, other in zip(plain.steps, recorder.steps, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert averaging.terms == 12


def test_what_is_validated_is_the_average_so_far() -> None:
    module, recorder, _ = train(epochs=3, validate=True, average="ema", average_decay=0.8)
    for epoch, state in enumerate(recorder.validated):
        count = 4 * (epoch + 1)
        close(state, mean(recorder.steps[:count], [0.8 ** (count - t) for t in range(count)]), floats(module.network))
    final = module.network.state_dict()
    assert all(torch.equal(final[name], recorder.validated[-1][name]) for name in final)


def test_statistics_of_frozen_levels_stay() -> None:
    module, recorder, _ = train(average="ema", freeze=2)
    held = {name for name in floats(module.network) if name.split(".")[0] in ("data_bn", "conv1", "bn1", "layer1")}
    moving = set(floats(module.network)) - held
    final = module.network.state_dict()
    close(final, recorder.steps[0], sorted(held))
    assert any("running_mean" in name for name in held)
    assert not any(torch.equal(final[name], recorder.steps[0][name]) for name in moving)


def test_shares_of_a_decay_near_one_keep_their_digits() -> None:
    # (1 - d) / (1 - d^n) -> 1 / n
    assert [averaging_weight(1 - 1e-12, n) for n in (1, 2, 1000)] == pytest.approx([1, 1 / 2, 1 / 1000], rel=1e-6)
