"""Ctrl-C and SIGTERM, sent to real processes: one sentence, the documented status, and nobody left at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mer import finished_folders, run_files
from mer.cli import GRACE, guarded
from mer.errors import MerError
from mer.run import advise_to_resume
from tests.helpers.command import TINY

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads child processes from Linux' /proc")

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
#: Long enough that no test waits for its end.
LONG = [one for one in TINY if "epochs" not in one and "parallel" not in one] + ["optim.epochs=100000"]


def start(module: str, *arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """`python -m module arguments`, begun."""
    checkout = Path(__file__).resolve().parents[1]
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(checkout), "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def descendants(pid: int) -> list[int]:
    """Every process below one, the resource tracker of Python included."""
    try:
        found = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
    return [*found, *(below for child in found for below in descendants(child))]


def workers(pid: int) -> list[int]:
    """The processes that `multiprocessing` started to work."""
    return [child for child in descendants(pid) if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for(condition: Callable[[], bool], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def training(process: subprocess.Popen[str], target: Path, seconds: float = 6) -> None:
    """Return when a run has claimed its folder and has worked on for some seconds."""
    wait_for(lambda: (target / run_files.LEAKS).is_file() or process.poll() is not None)
    time.sleep(seconds)
    assert process.poll() is None, process.communicate()


def end(process: subprocess.Popen[str], number: int) -> tuple[int, str, str, float]:
    """Status, output, errors and seconds after a signal; no process that was below it is left."""
    below = descendants(process.pid)
    begin = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    seconds = time.monotonic() - begin
    wait_for(lambda: all(gone(pid) for pid in below), seconds=10)
    return process.returncode, out, err, seconds


def check_ended(found: tuple[int, str, str, float], number: signal.Signals) -> None:
    status, _, err, seconds = found
    lines = [line for line in err.splitlines() if line.strip()]
    assert status == STATUS[number], err
    assert seconds < GRACE + 4
    assert [line for line in lines if line.startswith("mer: ")] == lines[-1:] and len(lines) == 1, err
    assert ("interrupted" if number == signal.SIGINT else "SIGTERM") in lines[0]


@pytest.mark.slow
@pytest.mark.parametrize("number", list(STATUS), ids=lambda number: number.name)
@pytest.mark.parametrize("side", [1, 2])
def test_a_run_ends_with_its_processes_and_no_fold_begins(
    number: signal.Signals, side: int, tmp_path: Path, cache_dir: Path
) -> None:
    more = (f"trainer.parallel_folds={side}", f"cache_dir={cache_dir}", "hydra.run.dir=run")
    process = start("mer.run", "+experiment=synthetic_loso", *LONG, *more, cwd=tmp_path)
    training(process, tmp_path / "run", seconds=6 if side == 1 else 12)
    assert len(workers(process.pid)) == (side if side > 1 else 0)
    found = end(process, number)
    check_ended(found, number)
    assert f"mer run resume={tmp_path / 'run'}" in found[2]
    assert not finished_folders.completed_folds(tmp_path / "run")
    assert not list((tmp_path / "run").glob(f"{run_files.FAILURES_FOLDER}/*"))


@pytest.mark.slow
@pytest.mark.parametrize("number", list(STATUS), ids=lambda number: number.name)
def test_a_sweep_ends_and_no_job_begins(number: signal.Signals, tmp_path: Path, cache_dir: Path) -> None:
    more = ("trainer.parallel_folds=1", f"cache_dir={cache_dir}", "seed=0,1", "hydra.sweep.dir=sweep")
    process = start("mer.run", "-m", "+experiment=synthetic_loso", *LONG, *more, cwd=tmp_path)
    training(process, tmp_path / "sweep" / "0")
    found = end(process, number)
    check_ended(found, number)
    assert "mer run resume=sweep" in found[2]
    assert not (tmp_path / "sweep" / "1").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", list(STATUS), ids=lambda number: number.name)
def test_a_shared_stage_ends(number: signal.Signals, tmp_path: Path, cache_dir: Path) -> None:
    stage = ("transfer=macro", "data@stages.macro.data=synthetic_macro", "stages.macro.optim.epochs=100000")
    more = ("stages.macro.data.subjects=3", "stages.macro.data.clips=18", "stages.macro.data.size=64")
    target = ("trainer.parallel_folds=2", f"cache_dir={cache_dir}", "hydra.run.dir=run")
    process = start("mer.run", "+experiment=synthetic_loso", *LONG, *stage, *more, *target, cwd=tmp_path)
    training(process, tmp_path / "run")
    check_ended(end(process, number), number)
    assert not (tmp_path / "run" / run_files.STAGES_FOLDER / "macro" / run_files.STAGE).exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_worker_that_is_hit_is_told_of_and_its_fold_is_trained_all_the_same(
    number: signal.Signals, tmp_path: Path, cache_dir: Path
) -> None:
    more = ("trainer.parallel_folds=2", f"cache_dir={cache_dir}", "hydra.run.dir=run")
    recipe = [one for one in LONG if "epochs" not in one] + ["optim.epochs=12"]
    process = start("mer.run", "+experiment=synthetic_loso", *recipe, *more, cwd=tmp_path)
    wait_for(lambda: len(workers(process.pid)) == 2 or process.poll() is not None)
    time.sleep(1)
    os.kill(workers(process.pid)[0], number)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, out + err
    assert f"a worker process was ended by {number.name}" in out
    assert len(finished_folders.completed_folds(tmp_path / "run")) == 4 and "Traceback" not in err


OTHERS: dict[str, Sequence[str]] = {
    "mer.data.synthetic": ("--layout", "samm", "--out", "tree", "--clips", "20000", "--subjects", "20"),
    "mer.prepare": ("+experiment=synthetic_loso", "data.clips=4000", "cache_dir=own"),
    "mer.benchmark": ("model", "--depth", "10", "--rounds", "100000"),
}


@pytest.mark.slow
@pytest.mark.parametrize("module", OTHERS)
def test_every_long_command_ends(module: str, tmp_path: Path) -> None:
    process = start(module, *OTHERS[module], cwd=tmp_path)
    time.sleep(12)
    assert process.poll() is None, process.communicate()
    status, _, err, seconds = end(process, signal.SIGTERM)
    assert status == 143 and seconds < GRACE + 4, err
    assert err.splitlines()[-1].startswith("mer: ended by SIGTERM") and "Traceback" not in err


@pytest.mark.slow
def test_a_script_without_a_guard_trains_in_processes_and_runs_once(tmp_path: Path, cache_dir: Path) -> None:
    script = tmp_path / "script.py"
    overrides = [one for one in TINY if "parallel" not in one]
    script.write_text(
        "import mer\nfrom pathlib import Path\n"
        "print('script runs', flush=True)\n"
        f"config = mer.load_config('+experiment=synthetic_loso', *{overrides!r}, "
        f"'trainer.parallel_folds=2', 'cache_dir={cache_dir}')\n"
        "print(len(mer.run_experiment(config, Path('run'))['failed_folds']), 'failed')\n"
    )
    checkout = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("script runs") == 1 and "0 failed" in done.stdout


@pytest.mark.parametrize("number", list(STATUS), ids=lambda number: number.name)
def test_a_guarded_command_ends_by_a_signal_even_where_a_library_makes_another_exception_of_it(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {one: signal.getsignal(one) for one in STATUS}

    @guarded
    def command() -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            sys.exit(0)

    assert command() == STATUS[number]
    assert capsys.readouterr().err.count("mer: ") == 1
    assert before == {one: signal.getsignal(one) for one in STATUS}


@pytest.mark.parametrize("begun", [False, True])
def test_a_signal_advises_to_resume_only_what_has_begun(
    begun: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if begun:
        (tmp_path / run_files.MANIFEST).write_text("{}", encoding="utf-8")

    @guarded
    def command() -> None:
        advise_to_resume(tmp_path, run_files.MANIFEST)
        signal.raise_signal(signal.SIGTERM)

    assert command() == 143
    err = capsys.readouterr().err
    assert (f"mer run resume={tmp_path}" in err) is begun
    assert ("the same command goes on" in err) is not begun


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MerError("no such folder"), "mer: no such folder"),
        (PermissionError(13, "Permission denied", "/x/y"), "/x/y"),
        (FileNotFoundError(2, "No such file or directory", "/a"), "/a: No such file or directory; check the path"),
        (IsADirectoryError(21, "Is a directory", "/a/.b-12345678.csv", None, "/a/b.csv"), "mer: /a/b.csv: Is a dir"),
        (OSError(5, "Input/output error"), "the disk or the network share does not answer"),
        (OSError(24, "Too many open files"), "ulimit -n"),
    ],
)
def test_a_guarded_command_says_what_a_user_can_solve(
    error: Exception, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @guarded
    def command() -> None:
        raise error

    assert command() == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("defect", [ZeroDivisionError, OSError, FileNotFoundError])
def test_a_defect_keeps_its_traceback(defect: type[Exception]) -> None:
    @guarded
    def command() -> None:
        raise defect

    with pytest.raises(defect):
        command()
