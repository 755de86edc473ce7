"""The data of one fold: batches, epochs under Lightning, and loader processes that change no number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_lightning import LightningModule, Trainer

from mer.config import AugmentConfig, Config, InputConfig, OptimConfig, TrainerConfig
from mer.data.samples.table import SampleTable
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.inputs.prepared_samples import PreparedSamples
from mer.protocols.registry import Fold
from tests.inputs.conftest import table_of

COUNT = 30
#: Class of each row: 20 times "a", 8 times "b", twice "c".
LABELS = ["a"] * 20 + ["b"] * 8 + ["c"] * 2
TRAIN, VALIDATION, TEST = (4, 0, 1, 2, 3, *range(9, 26), 28), (27, 26), (29, 8, 7, 6, 5)
AUGMENT = AugmentConfig(shift=0.1, rotate=10.0, scale=0.1, brightness=5.0)

Batch = dict[str, torch.Tensor]

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*This DataLoader will create"),  # machines with one core
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),  # Python 3.12
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> SampleTable:
    path = tmp_path_factory.mktemp("files") / "x.png"
    path.touch()
    return table_of([str(path)] * COUNT, labels=LABELS)


@pytest.fixture(scope="module")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 256, (COUNT, 1, 28, 28), dtype=np.uint8)
    path = tmp_path_factory.mktemp("cache") / "x.npy"
    np.save(path, values)
    return np.load(path, mmap_mode="r")


def module(
    table: SampleTable,
    pixels: np.ndarray,
    *,
    workers: int = 0,
    balance: str = "oversample",
    batch_size: int = 8,
    seed: int = 1,
) -> FoldDataModule:
    ids = table.frame["sample_id"]
    train, validation, test = (tuple(ids[row] for row in rows) for rows in (TRAIN, VALIDATION, TEST))
    config = Config(
        input=InputConfig(representation="apex", size=28),
        augment=AUGMENT,
        optim=OptimConfig(batch_size=batch_size, balance=balance),
        trainer=TrainerConfig(workers=workers),
    )
    return FoldDataModule(PreparedSamples(table, pixels), Fold("x", train, validation, test), config, seed=seed)


def epochs(data: FoldDataModule, count: int = 2) -> list[list[Batch]]:
    """Batches of some epochs, the way Lightning draws them: one loader, told of each epoch."""
    loader = data.train_dataloader()
    drawn = []
    for epoch in range(count):
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        drawn.append(list(loader))
    return drawn


def same(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a[key], b[key]) for a, b in zip(one, other, strict=True) for key in ("image", "target", "row")
    )


def test_batches_are_what_the_contract_says(table: SampleTable, pixels: np.ndarray) -> None:
    data = module(table, pixels)
    batches = epochs(data, 1)[0]
    assert len(batches) == data.steps_per_epoch
    for batch in batches:
        assert set(batch) == {"image", "target", "row"}
        assert batch["image"].shape == (len(batch["row"]), 1, 28, 28)
        assert (batch["image"].dtype, batch["target"].dtype, batch["row"].dtype) == (
            torch.float32,
            torch.int64,
            torch.int64,
        )
        np.testing.assert_array_equal(batch["target"], table.targets[batch["row"].numpy()])
        assert len(batch["row"]) > 1


@pytest.mark.parametrize(("part", "rows"), [("val", VALIDATION), ("test", TEST)])
def test_what_is_not_trained_on_comes_once_in_the_fold_s_order_as_it_is(
    table: SampleTable, pixels: np.ndarray, part: str, rows: tuple[int, ...]
) -> None:
    batches = list(getattr(module(table, pixels), f"{part}_dataloader")())
    assert torch.cat([batch["row"] for batch in batches]).tolist() == list(rows)
    images = torch.cat([batch["image"] for batch in batches])
    assert images.dtype == torch.float32
    np.testing.assert_array_equal(images, pixels[list(rows)])


def test_only_samples_that_train_or_choose_the_epoch_have_a_target(table: SampleTable, pixels: np.ndarray) -> None:
    data = module(table, pixels)
    shown = [*TRAIN, *VALIDATION]
    np.testing.assert_array_equal(data.targets[shown], table.targets[shown])
    assert (np.delete(data.targets, shown) == -1).all()
    assert torch.cat([batch["target"] for batch in data.test_dataloader()]).tolist() == [-1] * len(TEST)
    names = [name for batch in data.test_dataloader() for name in batch["sample_id"]]
    assert names == table.frame["sample_id"].iloc[list(TEST)].tolist()


@pytest.mark.parametrize(
    ("balance", "counts"), [("none", [16, 6, 1]), ("weighted", [16, 6, 1]), ("oversample", [16, 16, 16])]
)
def test_balancing_counts_the_training_part_only(
    table: SampleTable, pixels: np.ndarray, balance: str, counts: list[int]
) -> None:
    data = module(table, pixels, balance=balance, batch_size=9)
    batches = epochs(data, 1)[0]
    drawn = torch.cat([batch["target"] for batch in batches])
    assert torch.bincount(drawn, minlength=3).tolist() == counts
    assert set(torch.cat([batch["row"] for batch in batches]).tolist()) == set(TRAIN)
    if balance == "weighted":
        np.testing.assert_allclose(data.class_weights, [23 / (3 * n) for n in counts])
    else:
        assert data.class_weights is None


def test_a_last_batch_of_one_sample_is_left_out(table: SampleTable, pixels: np.ndarray) -> None:
    data = module(table, pixels, balance="none", batch_size=11)  # 23 samples
    assert [len(batch["row"]) for batch in epochs(data, 1)[0]] == [11, 11]
    assert data.steps_per_epoch == 2


@pytest.mark.parametrize("seed", [0, 1])
def test_loader_processes_change_no_number(table: SampleTable, pixels: np.ndarray, seed: int) -> None:
    alone, two = (epochs(module(table, pixels, workers=workers, seed=seed)) for workers in (0, 2))
    assert all(same(a, b) for a, b in zip(alone, two, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_neither_epochs_nor_processes_repeat_each_other(table: SampleTable, pixels: np.ndarray, workers: int) -> None:
    first, second = epochs(module(table, pixels, workers=workers))
    assert not same(first, second)
    lonely = TRAIN[-1]  # drawn 16 times an epoch, by both processes
    images = [x.numpy().tobytes() for batch in first + second for x in batch["image"][batch["row"] == lonely]]
    assert len(images) == 32
    assert len(set(images)) == 32


def test_seeds_differ(table: SampleTable, pixels: np.ndarray) -> None:
    assert not same(epochs(module(table, pixels, seed=1))[0], epochs(module(table, pixels, seed=2))[0])


class Recorder(LightningModule):
    """Keeps every batch it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: list[tuple[int, Batch]] = []
        self.validated: list[int] = []

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        self.seen.append((self.current_epoch, batch))
        return self.weight * batch["image"].mean()

    def validation_step(self, batch: Batch, index: int) -> None:
        self.validated += batch["row"].tolist()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


@pytest.mark.parametrize("workers", [0, 2])
def test_lightning_draws_each_epoch_as_its_number_says(
    table: SampleTable, pixels: np.ndarray, workers: int, tmp_path: Path
) -> None:
    recorder = Recorder()
    Trainer(
        accelerator="cpu",
        max_epochs=3,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=tmp_path,
    ).fit(recorder, datamodule=module(table, pixels, workers=workers))
    expected = epochs(module(table, pixels), 3)
    for epoch in range(3):
        assert same([batch for number, batch in recorder.seen if number == epoch], expected[epoch])
    assert recorder.validated == list(VALIDATION) * 3
