"""A run's life: what it says while it works, when it cannot begin, and when it does not finish."""

from __future__ import annotations

import importlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from mer import finished_folders, run_files
from mer.__main__ import COMMANDS
from mer.cli import guarded
from mer.compose import load_config
from mer.config import Config
from mer.errors import ConfigError, MerError
from mer.run import run
from mer.train.cross_validation import train_folds
from mer.train.cross_validation.fold_processes import in_processes
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import load_experiment
from mer.train.experiment.input_preparation import prepare
from tests.conftest import tiny
from tests.faults.counts import counted
from tests.helpers.command import TINY, command


@pytest.fixture(scope="module")
def config(cache_dir: Path) -> Config:
    return tiny(cache_dir)


@pytest.fixture(scope="module")
def told(config: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a finished run, and what it said where the output is no terminal."""
    folder, out = tmp_path_factory.mktemp("told") / "run", io.StringIO()
    shown = replace(config, trainer=replace(config.trainer, progress=True))
    run(shown, folder, console=Console(file=out, width=200))
    return folder, out.getvalue()


def test_a_line_a_fold_where_the_output_is_no_terminal(told: tuple[Path, str]):
    folder, said = told
    lines = [line for line in said.splitlines() if line.startswith("fold ")]
    names = [path.name for path in finished_folders.completed_folds(folder)]
    assert [line.partition(": ")[0] for line in lines] == [f"fold {k}/4 {name}" for k, name in enumerate(names, 1)]
    assert all(re.search(r": \d+\.\d s, accuracy \d\.\d\d on \d+ clips$", line) for line in lines)
    assert "\x1b" not in said and "\r" not in said  # no bar, no colour


@counted("fold that fails")
def test_a_run_that_lacks_a_fold_says_so_and_ends_with_status_1(
    told: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    copy = Path(shutil.copytree(told[0], tmp_path / "run"))
    shutil.rmtree(finished_folders.completed_folds(copy)[0])

    def broken(*_: object) -> None:
        raise RuntimeError("the device is lost")

    monkeypatch.setattr(train_folds, "run_fold", broken)
    done = command("mer.run", f"resume={copy}", "trainer.progress=false", cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert re.search(r"incomplete: \d+ of 24 clips lack a prediction", done.stdout)
    assert "failed fold" in done.stdout and "the device is lost" in done.stdout


@pytest.mark.slow
@counted("worker that cannot load")
def test_a_worker_that_cannot_load_says_why_and_not_out_of_memory(config: Config, tmp_path: Path):
    experiment = load_experiment(config)
    (tmp_path / "file").write_text("")
    lost = replace(experiment, config=replace(config, cache_dir=str(tmp_path / "file")))
    with pytest.raises(MerError, match="a worker process cannot load the experiment") as found:
        list(in_processes(lost, [experiment.folds[0].name], tmp_path / "run", 1, train_folds.work))
    assert str(tmp_path / "file") in str(found.value)
    assert "memory" not in str(found.value) and "Traceback" not in str(found.value)


def test_a_dry_run_counts_the_start(config: Config, tmp_path: Path):
    out = io.StringIO()
    run(replace(config, dry_run=True), tmp_path, console=Console(file=out, width=200))
    assert re.search(r"about 0:\d\d:\d\d: \d+ s to start, ", out.getvalue())


UNUSABLE = {"": "an empty name", "  ": "an empty name", "/dev/null": "is a file", "/proc/x": "in /proc"}


@pytest.mark.parametrize("value", [*UNUSABLE, "x" * 300])
@counted("unusable cache")
def test_a_cache_that_cannot_be_used_is_refused_by_run_and_prepare(value: str, config: Config):
    config = replace(config, cache_dir=value)
    for refuse in (check_config, prepare):
        with pytest.raises(ConfigError, match=rf"cache_dir: .*{UNUSABLE.get(value, 'name too long')}.*MER_CACHE"):
            refuse(config)


@counted("empty environment variable")
def test_an_empty_variable_is_named(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(train_folds, "run_fold", lambda *_: pytest.fail("trained"))
    monkeypatch.setenv("WANDB_MODE", "")
    tracked = replace(config, logger=replace(config.logger, name="wandb"))
    with pytest.raises(MerError, match="WANDB_MODE"):
        run(tracked, tmp_path / "run", console=Console(quiet=True))
    monkeypatch.setenv("MER_CACHE", "")
    with pytest.raises(ConfigError, match=r"cache_dir: .*an empty name.*MER_CACHE"):
        check_config(load_config([]))


#: `mer run`, which gets the signal of its first argument before the command guards itself.
EARLY = """
import runpy, signal, sys
number = int(sys.argv.pop(1))
runpy.run_module = lambda *_, **__: signal.raise_signal(number)
import mer.__main__
sys.argv[1:] = ["run"]
mer.__main__.main()
print("went on")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@counted("signal while the program is read")
def test_a_signal_before_the_command_is_ready_is_one_sentence(number: signal.Signals):
    done = subprocess.run(
        [sys.executable, "-c", EARLY, str(int(number))],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 128 + number
    assert done.stderr.startswith("mer: ") and len(done.stderr.splitlines()) == 1 and not done.stdout


@pytest.mark.parametrize("word", COMMANDS)
def test_every_command_is_guarded(word: str):
    main = importlib.import_module(
        COMMANDS[word][0] + (".__main__" if word in ("benchmark", "synthetic", "dashboard") else "")
    ).main
    assert main.__wrapped__ and main.__code__ is guarded(lambda: 0).__code__


@pytest.mark.slow
@counted("sweep ended in the middle")
def test_a_sweep_is_resumed_by_its_folder_alone(cache_dir: Path, tmp_path: Path):
    line = ["-m", "+experiment=synthetic_loso", *TINY, f"cache_dir={cache_dir}", "seed=0,1", "hydra.sweep.dir=sweep"]
    assert command("mer.run", *line, cwd=tmp_path).returncode == 0
    sweep = tmp_path / "sweep"
    before = [(sweep / job / run_files.PREDICTIONS).read_bytes() for job in ("0", "1")]
    shutil.rmtree(sweep / "1")
    shutil.rmtree(finished_folders.completed_folds(sweep / "0")[0])
    done = command("mer.run", f"resume={sweep}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [(sweep / job / run_files.PREDICTIONS).read_bytes() for job in ("0", "1")] == before
    assert "1 to train" in done.stdout and "4 to train" in done.stdout


def test_the_map_of_faults_names_tests_that_are_there():
    root = Path(__file__).parents[1]
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (root / "faults" / "README.md").read_text(encoding="utf-8"))
    assert len(named) > 80
    assert [test for file, test in named if f"def {test}(" not in (root / file).read_text(encoding="utf-8")] == []
