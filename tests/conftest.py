"""What all tests share: a private cache, one small drawn corpus, one small finished run; no network, no account."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mer.config import (
    AttentionConfig,
    AugmentConfig,
    Config,
    EvaluationConfig,
    InputConfig,
    ModelConfig,
    OptimConfig,
    ProtocolConfig,
    SyntheticData,
    TrainerConfig,
)

# these networks are small, and threads that wait for each other where tests run side by side are much slower; torch,
# not imported yet, reads it, and so do the processes that tests start
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
os.environ["WANDB_ERROR_REPORTING"] = "false"


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cache of this test process; never the user's own."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session", autouse=True)
def private_folders(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[None]:
    """Keep every tool's files out of the user's home."""
    wandb = tmp_path_factory.getbasetemp() / "wandb"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
            (wandb / name).mkdir(parents=True, exist_ok=True)
            patch.setenv(name, str(wandb / name))
        patch.setenv("MER_CACHE", str(cache_dir))
        yield


def tiny(cache_dir: Path) -> Config:
    """A whole leave-one-subject-out run on drawn faces that takes a few seconds: four people, one epoch, narrow."""
    return Config(
        name="tiny",
        data=SyntheticData(name="synthetic", subjects=4, clips=24, size=64),
        protocol=ProtocolConfig(),
        input=InputConfig(representation="flow", size=28),
        augment=AugmentConfig(),
        model=ModelConfig(width=16, attention=AttentionConfig(stages=[1, 4])),
        optim=OptimConfig(epochs=1, batch_size=8),
        trainer=TrainerConfig(accelerator="cpu", parallel_folds=1, progress=False),
        evaluation=EvaluationConfig(bootstrap=50, random_draws=50, attention_samples=3),
        cache_dir=str(cache_dir),
    )


@pytest.fixture
def tiny_config(cache_dir: Path) -> Config:
    """The run of `tiny`."""
    return tiny(cache_dir)
