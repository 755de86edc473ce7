"""`trainer.keep_checkpoints`: which folds keep their networks; everything else of a run stays as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mer import finished_folders, run_files
from mer.config import Config, StageConfig
from mer.errors import ConfigError, MerError
from mer.evaluation.comparison.runs import read_run
from mer.models.pretrained.inspect_file import inspect
from mer.run import run
from mer.train.experiment.config_checks import check_config


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> tuple[Config, Path]:
    """A run of two members whose folds each train a stage of their own, and which keeps everything."""
    from tests.conftest import tiny

    config = tiny(cache_dir)
    config = replace(config, members=2, stages={"own": StageConfig(data=config.data, optim=config.optim)})
    folder = tmp_path_factory.mktemp("kept") / "all"
    run(config, folder)
    return config, folder


def names(folder: Path, suffix: str = "") -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(f"*{suffix}") if path.is_file())


@pytest.mark.parametrize("kept", ["first", pytest.param("none", marks=pytest.mark.slow)])
def test_a_run_that_keeps_fewer_networks_lacks_nothing_else(
    reference: tuple[Config, Path], kept: str, tmp_path: Path
) -> None:
    config, whole = reference
    config = replace(config, trainer=replace(config.trainer, keep_checkpoints=kept))
    run(config, tmp_path)
    first = "folds/synthetic-s000/"
    weights = [name for name in names(whole, ".ckpt") if kept == "first" and name.startswith(first)]
    assert names(tmp_path, ".ckpt") == weights
    assert len(weights) == (4 if kept == "first" else 0)  # two members, a stage of each
    assert set(names(whole)) - set(names(tmp_path)) == set(names(whole, ".ckpt")) - set(weights)
    for name in (run_files.PREDICTIONS, *names(whole, run_files.ATTENTION), *names(whole, run_files.MEMBERS)):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name
    for folder in finished_folders.completed_folds(tmp_path):
        assert finished_folders.damage(folder, run_files.FOLD) is None
    # what reads a finished run reads this one too; what needs a network says where there is none
    assert (tmp_path / run_files.REPORT).is_file() and len(read_run(tmp_path).predictions) == 24
    with pytest.raises(MerError, match=r"model\.ckpt"):
        list(inspect(run_files.fold_folder(tmp_path, "synthetic-s001") / run_files.CHECKPOINT))
    # the same command finds every fold finished, and what is deleted of a fold is still noticed
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in names(tmp_path) if name.startswith("folds/")}
    run(config, tmp_path)
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in before} == before
    assert len(finished_folders.completed_folds(tmp_path)) == 4
    curves = finished_folders.completed_folds(tmp_path)[0] / run_files.CURVES
    curves.unlink()
    assert len(finished_folders.completed_folds(tmp_path)) == 3


def test_a_run_may_be_finished_with_another_choice(tiny_config: Config, tmp_path: Path) -> None:
    run(tiny_config, tmp_path)
    for name in ("synthetic-s000", "synthetic-s001"):
        (run_files.fold_folder(tmp_path, name) / run_files.FOLD).unlink()
    run(replace(tiny_config, trainer=replace(tiny_config.trainer, keep_checkpoints="none")), tmp_path)
    assert names(tmp_path, ".ckpt") == ["folds/synthetic-s002/model.ckpt", "folds/synthetic-s003/model.ckpt"]
    assert len(finished_folders.completed_folds(tmp_path)) == 4


def test_null_tests_that_read_the_networks_ask_for_all(tiny_config: Config) -> None:
    config = replace(tiny_config, sanity=True, trainer=replace(tiny_config.trainer, keep_checkpoints="first"))
    with pytest.raises(ConfigError, match="keep_checkpoints: expected all with sanity=true"):
        check_config(config)
