"""Two processes on one run folder: the second is told who works there; a killed one blocks nobody."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mer import run_files
from mer.config import Config
from mer.errors import MerError
from mer.run import run
from mer.train.cross_validation.run_lock import lock_run_folder

fcntl = pytest.importorskip("fcntl")

HOLDER = """
import sys
from pathlib import Path
from mer.train.cross_validation.run_lock import lock_run_folder
with lock_run_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the run folder `run` until it is killed."""
    line = [sys.executable, "-c", HOLDER, str(tmp_path / "run")]
    checkout = Path(__file__).resolve().parents[3]
    with subprocess.Popen(line, cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_runs_there_and_changes_nothing(
    holder: subprocess.Popen[str], tiny_config: Config, tmp_path: Path
) -> None:
    with pytest.raises(MerError, match=rf"in use by process {holder.pid} on .*hydra\.run\.dir"):
        run(tiny_config, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == [run_files.LOCK]


def test_a_killed_process_blocks_nobody(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    with lock_run_folder(tmp_path / "run"):
        pass


def test_a_folder_is_free_again_after_a_failure_and_other_folders_always_are(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock_run_folder(tmp_path / "run"):
        with lock_run_folder(tmp_path / "run" / "sanity" / "null"):  # as null runs inside a run
            pass
        with pytest.raises(MerError, match="in use by process"), lock_run_folder(tmp_path / "run"):
            pass
        raise ZeroDivisionError
    with lock_run_folder(tmp_path / "run"):
        pass


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_has_none(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    for _ in range(2):  # nothing that the first leaves blocks the second
        with lock_run_folder(tmp_path / "run"):
            assert f"process {os.getpid()}" in (tmp_path / "run" / run_files.LOCK).read_text()
