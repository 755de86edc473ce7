"""The one command `mer`: it hands on, helps at once, and completes words."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mer.__main__ import COMMANDS
from tests.helpers.command import command, process


@pytest.mark.parametrize("word", COMMANDS)
def test_every_command_is_handed_its_own_help(word: str, tmp_path: Path) -> None:
    done = command("mer", word, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == command(COMMANDS[word][0], "--help", cwd=tmp_path).stdout
    assert not list(tmp_path.iterdir())


def test_help_lists_every_command_without_torch_and_at_once(tmp_path: Path) -> None:
    code = "import sys, runpy; sys.argv[1:] = ['--help']\ntry: runpy.run_module('mer', run_name='__main__')\n"
    code += "except SystemExit: print(sorted({'torch', 'hydra', 'pandas'} & set(sys.modules)))"
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = process("mer", "--help", cwd=tmp_path)
        seconds.append(time.perf_counter() - start)
    assert done.returncode == 0
    assert all(f"  mer {word} " in done.stdout for word in COMMANDS)
    assert min(seconds) < 0.3
    checkout = Path(__file__).resolve().parents[1]
    loaded = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(checkout)}, capture_output=True, text=True
    )
    assert loaded.stdout.endswith("[]\n"), loaded.stdout + loaded.stderr


def test_a_word_that_is_none_is_told_the_nearest(tmp_path: Path) -> None:
    done = command("mer", "comprae", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean mer compare?" in done.stderr and "mer audit" in done.stderr
    assert command("mer", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("module", ["mer.run", "mer"])
def test_a_bare_run_shows_help_and_trains_nothing(module: str, tmp_path: Path) -> None:
    done = command(module, *(["run"] if module == "mer" else []), cwd=tmp_path)
    assert done.returncode == 2
    assert "+experiment=synthetic_loso" in done.stdout and "resume=FOLDER" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("mer pre", {"prepare", "predict"}),
        ("mer ", set(COMMANDS)),
        ("mer run logger=", {f"logger={name}" for name in ("csv", "wandb", "tensorboard", "mlflow", "many")}),
        ("mer run trainer.parallel", {"trainer.parallel_folds="}),
        ("mer audit x", set()),
    ],
)
def test_tab_completes_commands_and_what_hydra_knows_of_run(
    line: str, words: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    done = command("mer", "-sc", "query=bash", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == words
