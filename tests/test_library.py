"""The library face: names, speed of the import, and every Python block of docs/library.md, on the tiny drawn corpus."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest

import mer
from mer import run_files
from mer.config import Config
from mer.errors import ConfigError
from mer.run import run
from tests.helpers.command import TINY, TINY_RECIPE, command

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)

#: Advice of a plain Trainer on hardware, its default logger, and files of a run before.
plain_trainer = [
    pytest.mark.filterwarnings("ignore:.*tensorboardX.*"),
    pytest.mark.filterwarnings("ignore:.*exists and is not empty.*"),
    pytest.mark.filterwarnings("ignore:.*GPU available but not used.*"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval.*"),
]


def quiet_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine's accelerator has no part in these tests."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def test_import_loads_no_torch_and_takes_no_time():
    code = (
        "import time; start = time.perf_counter(); import mer; spent = time.perf_counter() - start\n"
        "import sys; print('torch' in sys.modules, 'hydra' in sys.modules, 'numpy' in sys.modules, spent)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True) for _ in range(3)]
    for one in runs:
        assert one.stdout.split()[:3] == ["False"] * 3, one.stderr
    assert min(float(one.stdout.split()[3]) for one in runs) < 0.1


def test_every_name_is_there_and_known_to_type_checkers():
    tree = ast.parse((ROOT / "mer" / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    told = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(told) == sorted(mer.__all__)
    for name, (module, attribute) in told.items():
        found = getattr(importlib.import_module(str(module)), attribute)
        assert getattr(mer, name) is found, name
    assert set(mer.__all__) <= set(dir(mer))
    with pytest.raises(AttributeError, match="nothing"):
        mer.nothing  # noqa: B018


def test_commands_stay_modules():
    for name in ("run", "sweep", "compare", "audit", "prepare", "weights"):
        assert importlib.import_module(f"mer.{name}").__name__ == f"mer.{name}"
        assert getattr(mer, name).main


def test_a_wrong_configuration_is_refused_at_once_with_all_problems():
    with pytest.raises(ConfigError) as told:
        mer.load_config("+experiment=synthetic_loso", "optim.lr=-1", "model.width=0")
    assert "optim.lr" in str(told.value) and "model.width" in str(told.value)


@pytest.mark.filterwarnings(*(mark.args[0] for mark in plain_trainer))
def test_every_block_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    quiet_trainer(monkeypatch)
    monkeypatch.chdir(tmp_path)
    real = mer.load_config
    monkeypatch.setattr(mer, "load_config", lambda *overrides: real(overrides[0], *TINY, *overrides[1:]))
    assert len(BLOCKS) >= 7
    small = ("--seconds", "1", "--rate", "40", "--size", "160", "120", "--plain")
    assert command("mer", "synthetic", "video", "drawn.mp4", *small, cwd=tmp_path).returncode == 0
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/library.md", "exec"), names)
    assert (tmp_path / "outputs/mine/report.html").is_file()
    assert list((tmp_path / "outputs/logs").rglob("metrics.csv"))
    logged = next((tmp_path / "outputs/logs").rglob("metrics.csv")).read_text(encoding="utf-8").splitlines()[0]
    assert {"train_loss", "train_accuracy", "validation_loss", "validation_uf1"} <= set(logged.split(","))
    assert list((tmp_path / "outputs/best").glob("*.ckpt"))
    assert (tmp_path / "outputs/predicted/drawn/report.html").is_file()


NOTEBOOK = """
import mer
from pytorch_lightning import Trainer
config = mer.load_config("+experiment=samm_loso", "data.root={root}", *more)
data = mer.load_data(config)
fold = mer.make_folds(data.table, config.protocol, config.seed)[0]
loaders, module = mer.FoldDataModule(data, fold, config), mer.RecognitionModule(data, config)
Trainer(max_epochs=config.optim.epochs, use_distributed_sampler=False).fit(module, datamodule=loaders)
predictions = mer.predict(module.network, loaders.test_dataloader(), data.table)
print(mer.metrics.uf1(mer.confusion(predictions, data.classes), allow_absent=True))
"""


@pytest.mark.filterwarnings(*(mark.args[0] for mark in plain_trainer))
@pytest.mark.parametrize("balance", ["oversample", "weighted"])
def test_a_plain_trainer_on_an_official_tree_gives_the_same_numbers_twice(tmp_path, monkeypatch, balance):
    quiet_trainer(monkeypatch)
    monkeypatch.chdir(tmp_path)
    size = ("--subjects", "3", "--clips", "12", "--size", "64")
    assert command("mer.data.synthetic", "--layout", "samm", "--out", "samm", *size, cwd=tmp_path).returncode == 0
    found = []
    for _ in range(2):
        names: dict = {"more": [*TINY_RECIPE, f"optim.balance={balance}"]}
        exec(NOTEBOOK.format(root=tmp_path / "samm"), names)
        found.append(names["predictions"])
    assert found[0].equals(found[1])
    assert set(found[0]["sample_id"]) == set(names["fold"].test)
    truth = names["data"].table.frame.set_index("sample_id")["label"]
    assert (truth[found[0]["sample_id"]].to_numpy() == found[0]["label"].to_numpy()).all()
    weights = names["module"].loss.weight
    assert (weights is None) == (balance == "oversample")
    if weights is not None:
        np.testing.assert_allclose(weights.cpu(), names["loaders"].class_weights, rtol=1e-6)


def test_an_experiment_goes_on_where_it_was_and_starts_no_process(tiny_config: Config, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(BaseProcess, "start", lambda _: pytest.fail("a process was started"))
    config = replace(tiny_config, trainer=replace(tiny_config.trainer, parallel_folds=0))
    results = mer.run_experiment(config, tmp_path / "run", quiet=True)
    assert results["complete"] and (tmp_path / "run" / run_files.REPORT).is_file()
    kept = (tmp_path / "run" / run_files.PREDICTIONS).read_bytes()
    monkeypatch.setattr(
        "mer.train.cross_validation.train_folds.run_fold", lambda *_: pytest.fail("a finished fold was trained again")
    )
    assert mer.run_experiment(config, str(tmp_path / "run"), quiet=True)["scores"] == results["scores"]
    assert (tmp_path / "run" / run_files.PREDICTIONS).read_bytes() == kept


def test_fit_and_predict_give_the_bytes_of_a_run(tiny_config: Config, tmp_path: Path):
    config = replace(tiny_config, protocol=replace(tiny_config.protocol, validation=0.4))
    run(config, tmp_path / "run")
    data = mer.load_data(config)
    frames = []
    for fold in mer.make_folds(data.table, config.protocol, config.seed):
        loader = mer.FoldDataModule(data, fold, config).test_dataloader()
        frames.append(mer.predict(mer.fit(data, fold, config).network, loader, data.table, fold=fold.name))
    from mer.evaluation.predictions import write_predictions

    write_predictions(tmp_path / "own.csv", mer.pool_folds(frames, data.table))
    assert (tmp_path / "own.csv").read_bytes() == (tmp_path / "run" / run_files.PREDICTIONS).read_bytes()
