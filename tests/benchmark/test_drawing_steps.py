"""Steps between laboratories: each changes a drawn map as it says, and the best recipe has the best worst step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import f1_score

from mer.benchmark import drawing_steps
from mer.benchmark.__main__ import main


def test_a_coarse_map_has_lost_what_is_finer_than_its_pixels() -> None:
    rows, columns = np.indices((28, 28))
    board = np.broadcast_to(255.0 * ((rows + columns) % 2), (1, 3, 28, 28))
    np.testing.assert_allclose(drawing_steps.coarse(board), 127.5)
    smooth = np.broadcast_to(9.0 * columns, (1, 3, 28, 28))
    np.testing.assert_allclose(drawing_steps.coarse(smooth)[..., 1:-1], smooth[..., 1:-1])


def test_few_levels_are_few_and_near() -> None:
    maps = np.random.default_rng(0).integers(0, 256, (2, 3, 28, 28)).astype(float)
    found = drawing_steps.few_levels(maps)
    assert len(np.unique(found)) == drawing_steps.LEVELS
    assert np.abs(found - maps).max() <= 255 / 15 / 2
    np.testing.assert_allclose(drawing_steps.few_levels(found), found)


def test_uneven_rows_have_the_shares_and_repeat_none() -> None:
    targets = np.random.default_rng(1).integers(0, 3, 900)
    rows = drawing_steps.uneven_rows(targets)
    assert len(np.unique(rows)) == len(rows)
    np.testing.assert_allclose(np.bincount(targets[rows]) / len(rows), drawing_steps.SHARES, atol=0.01)


def test_the_recipe_with_the_best_worst_step_is_first() -> None:
    found = drawing_steps.table({"high": {"none": 0.9, "crops": 0.4}, "even": {"none": 0.7, "crops": 0.6}})
    assert list(found["recipe"]) == ["even", "high"]
    assert list(found["worst step"]) == ["crops", "crops"] and list(found["worst"]) == [0.6, 0.4]


def test_the_score_is_that_of_mean_probabilities_and_their_mirror_images() -> None:
    torch.manual_seed(0)
    networks = [torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 28 * 28, 3)) for _ in range(2)]
    rng = np.random.default_rng(2)
    inputs, targets = rng.standard_normal((60, 3, 28, 28)), rng.integers(0, 3, 60)
    mirrored = inputs[..., ::-1] * np.array([-1, 1, 1]).reshape(3, 1, 1)
    shown = [torch.tensor(one.copy(), dtype=torch.float32) for one in (inputs, mirrored)]
    sums = sum(network(x).softmax(dim=1) for network in networks for x in shown)
    expected = f1_score(targets, sums.argmax(dim=1).numpy(), average="macro")  # type: ignore[union-attr]
    assert drawing_steps.score(networks, (inputs, targets)) == pytest.approx(expected)


@pytest.mark.slow
def test_every_step_is_scored_and_a_second_call_trains_nothing(tmp_path: Path) -> None:
    few = ["steps", "--out", str(tmp_path), "--maps", "100", "--members", "1", "--drawn", "300"]
    few += ["--recipes", "templates"]
    assert main(few) == 0
    first = pd.read_csv(tmp_path / "steps.csv")
    assert list(first["recipe"]) == ["templates"]
    assert {"none", "crops", "coarse", "few levels", "shares", "flow tvl1"} <= set(first)
    checkpoints = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model*.ckpt")}
    assert main(few) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model*.ckpt")} == checkpoints
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "steps.csv"), first)
