"""The benchmark of the training loop: the same steps in both loops, milliseconds of each, one row a network."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mer.benchmark import training_loop
from mer.benchmark.__main__ import main as benchmark_main
from mer.config import AttentionConfig, Config, ModelConfig


def test_both_loops_take_the_steps_of_the_recipe_and_loading_is_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(model=ModelConfig(width=2, attention=AttentionConfig(stages=[])))
    config.optim = replace(config.optim, epochs=1, batch_size=150)
    config.trainer = replace(config.trainer, accelerator="cpu")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    seen: list[int] = []
    step = torch.optim.AdamW.step

    def counted(self: torch.optim.AdamW, *args: object, **options: object) -> object:
        seen.append(1)
        return step(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.optim.AdamW, "step", counted)
    try:
        found = training_loop.measure(config, side=28, rounds=2)
    finally:
        torch.set_num_threads(before)
    # classes of 150 samples after over-sampling: three batches an epoch, two loops, two rounds and one before
    assert len(seen) == 3 * 2 * 3
    assert set(found) == {"loading", "bare", "whole", "ratio"}
    assert all(value > 0 for value in found.values())
    assert found["loading"] < found["whole"]


def test_the_command_shows_a_row_a_network(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[tuple[int, int, int, int]] = []

    def measure(config: Config, *, side: int, rounds: int) -> dict[str, float]:
        asked.append((config.model.width, config.optim.batch_size, side, rounds))
        return {"loading": 1.0, "bare": 10.0, "whole": 12.5, "ratio": 1.25}

    monkeypatch.setattr(training_loop, "measure", measure)
    threads = torch.get_num_threads()
    benchmark_main(["training", "--side", "28", "--batch", "64", "--rounds", "3", "--threads", str(threads)])
    assert asked == [(width, 64, 28, 3) for width in (64, 32, 16, 8)]
    shown = capsys.readouterr().out
    assert shown.count("100.0") == shown.count("80.0") == shown.count("1.25") == 4
