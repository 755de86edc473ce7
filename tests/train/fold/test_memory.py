"""Memory over many folds: what a finished training leaves goes at once, without Python's collector of rings."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn
from torch.optim import Optimizer

from mer.config import Config, ProtocolConfig
from mer.protocols.registry import make_folds
from mer.train.experiment.experiment import load_data, load_experiment
from mer.train.fold.fit import fit
from mer.train.fold.run_fold import run_fold

#: So many of each kind of training: 60 folds in all.
FOLDS = 20


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only what nothing refers to is freed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> int:
    """Number of networks, parts of networks and optimisers that hold weights, in this process."""
    found = 0
    for one in gc.get_objects():
        if issubclass(type(one), Optimizer):
            found += 1
        elif issubclass(type(one), nn.Module):
            found += any(parameter is not None for parameter in one._parameters.values())
    return found


@pytest.mark.parametrize(
    ("average", "validation", "diverges"),
    [
        ("none", 0.0, False),
        pytest.param("ema", 0.4, False, marks=pytest.mark.slow),
        pytest.param("ema", 0.4, True, marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("no_collector")
def test_no_network_outlives_its_fold(tiny_config: Config, average: str, validation: float, diverges: bool):
    recipe = replace(tiny_config.optim, average=average, lr=1e30 if diverges else 1e-3)
    config = replace(tiny_config, optim=recipe, protocol=ProtocolConfig(validation=validation))
    data = load_data(config)
    folds = make_folds(data.table, config.protocol, config.seed)
    before = alive()
    for count in range(FOLDS):
        if diverges:
            with pytest.raises(FloatingPointError):
                fit(data, folds[count % len(folds)], config)
        else:
            trained = fit(data, folds[count % len(folds)], config)
            assert alive() > before
            del trained
        assert alive() == before, f"after {count + 1} folds"


@pytest.mark.usefixtures("no_collector")
def test_no_network_outlives_a_whole_fold_with_members_and_a_search(tiny_config: Config, tmp_path: Path):
    protocol = ProtocolConfig(inner=2, candidates=["optim.lr=0.001", "optim.lr=0.002"])
    experiment = load_experiment(replace(tiny_config, members=2, protocol=protocol))
    before = alive()
    for fold in experiment.folds[:2]:
        run_fold(experiment, fold, tmp_path)
        assert alive() == before, fold.name
