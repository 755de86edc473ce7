"""Counted costs against torch's own counter and against sums written out for one layer."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mer.config import AttentionConfig, ModelConfig
from mer.models import build
from mer.models.attention import cost
from mer.models.complexity import held_bytes, multiply_adds

PLAIN = AttentionConfig(unit="none")
NETWORKS = [
    ModelConfig(width=16, attention=PLAIN),
    ModelConfig(depth=50, width=16, attention=PLAIN),
    ModelConfig(backbone="resnet", depth=18, attention=PLAIN),
    ModelConfig(backbone="lite0", depth=None, attention=PLAIN),
]


@pytest.mark.parametrize("model", NETWORKS, ids=lambda model: f"{model.backbone}-{model.depth}")
def test_multiply_adds_without_attention_are_half_of_torch_s_operations(model: ModelConfig):
    network = build(model, in_channels=3, classes=5)
    x = torch.randn(1, 3, 64, 48)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(x)
    before = network.train().state_dict()["bn1.running_mean"].clone()
    assert multiply_adds(network, x) == counter.get_total_flops() // 2
    assert network.training
    assert torch.equal(network.state_dict()["bn1.running_mean"], before)


@pytest.mark.parametrize("unit", ["micro", "se", "eca", "cbam", "spatial", "simam", "coordinate"])
def test_the_units_add_what_they_say(unit: str):
    attention = AttentionConfig(unit=unit, stages=[1, 3])
    counts = [
        multiply_adds(build(ModelConfig(attention=each), in_channels=1, classes=5), torch.randn(1, 1, 112, 112))
        for each in (PLAIN, attention)
    ]
    # 112 pixels: stage 1 has 28x28 positions of 64 channels, stage 3 7x7 of 256
    added = sum(cost(attention, shape).multiply_adds for shape in ((64, 28, 28), (256, 7, 7)))
    assert counts[1] - counts[0] == added > 0


def test_multiply_adds_are_those_of_one_sample():
    network = build(NETWORKS[0], in_channels=3, classes=5)
    assert multiply_adds(network, torch.randn(4, 3, 32, 32)) == multiply_adds(network, torch.randn(1, 3, 32, 32))


def test_held_bytes_of_a_linear_layer_are_counted_by_hand():
    class Linear(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(10, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x)

    held = held_bytes(Linear(), torch.randn(6, 10), torch.randint(0, 4, (6,)))  # type: ignore[arg-type]
    # the input (6 x 10), the log-softmax of the loss (6 x 4) and its total weight, of 4 bytes; the targets, of 8
    assert held == 4 * (60 + 24 + 1) + 8 * 6


def test_held_bytes_grow_with_the_batch_and_not_with_the_weights():
    network = build(ModelConfig(width=16), in_channels=3, classes=5).train()
    counts = [held_bytes(network, torch.randn(n, 3, 56, 56), torch.zeros(n, dtype=torch.long)) for n in (4, 8)]
    wide = build(ModelConfig(width=32), in_channels=3, classes=5).train()
    assert counts[1] / counts[0] == pytest.approx(2, rel=0.02)
    # activations have twice as many channels, weights four times as many numbers
    assert held_bytes(wide, torch.randn(8, 3, 56, 56), torch.zeros(8, dtype=torch.long)) / counts[1] < 2.05
