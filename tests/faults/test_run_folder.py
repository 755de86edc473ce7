"""Faults of a run's folder: bits flipped, files cut, edited, deleted, no JSON, no space, no right to write, killed.

After each: no traceback, the same command gives the same predictions byte for byte, what is damaged is named.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from mer import finished_folders, run_files
from mer.config import AugmentConfig, Config, MotionPriorData, OptimConfig, StageConfig
from mer.errors import DiskFullError, MerError
from mer.run import run
from mer.train.cross_validation import train_folds
from mer.train.fold.pretraining import read_start
from mer.utils import atomic_files
from mer.utils.disk_space import name_full_disk
from tests.conftest import tiny
from tests.faults.counts import counted
from tests.helpers.command import TINY, command, process


@pytest.fixture(scope="session")
def config(cache_dir: Path) -> Config:
    return tiny(cache_dir)


@pytest.fixture(scope="session")
def whole(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny run, which tests copy."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(config, folder, console=Console(quiet=True))
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def rerun(config: Config, folder: Path) -> str:
    """What the run says when its command is given again."""
    out = io.StringIO()
    run(config, folder, console=Console(file=out, width=400))
    return out.getvalue()


def flip(path: Path) -> None:
    """Flip the lowest bit of the byte in the middle, and keep the time of the file, as a bad disk does."""
    state = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns - 1))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(path.stat().st_size))


def delete(path: Path) -> None:
    path.unlink()


def drop_row(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def other_label(path: Path) -> None:
    """Edit predictions by hand: another class is said to be predicted in the last row."""
    lines = path.read_text().splitlines()
    cells = lines[-1].split(",")
    cells[5:] = [cells[4], *(["0.9"] + ["0.05"] * (len(cells) - 7))]
    path.write_text("\n".join([*lines[:-1], ",".join(cells)]) + "\n")


FILES = (run_files.FOLD, run_files.PREDICTIONS, run_files.CURVES, run_files.CHECKPOINT)
DAMAGE: dict[str, Callable[[Path], None]] = {
    "bit flipped": flip,
    "cut in half": cut,
    "empty": empty,
    "noise": noise,
    "deleted": delete,
}
FAULTS = [(file, name) for file in (*FILES, run_files.ATTENTION) for name in DAMAGE] + [
    (run_files.PREDICTIONS, "row deleted"),
    (run_files.PREDICTIONS, "edited"),
]
EVERY = {**DAMAGE, "row deleted": drop_row, "edited": other_label}
#: One of each kind of damage and of file in `make test`; the others in `make test-faults`.
QUICK = {
    (run_files.CHECKPOINT, "bit flipped"),
    (run_files.FOLD, "empty"),
    (run_files.PREDICTIONS, "row deleted"),
    (run_files.ATTENTION, "cut in half"),
}


def marked(faults: list[tuple[str, str]]) -> list:
    return [pytest.param(*one, marks=[] if one in QUICK else pytest.mark.slow) for one in faults]


def slow(*values: str) -> list:
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


def fold_with(folder: Path, file: str) -> Path:
    return next(one for one in finished_folders.completed_folds(folder) if (one / file).is_file())


@pytest.mark.parametrize(("file", "fault"), marked(FAULTS))
@counted("file of a finished fold")
def test_a_damaged_fold_is_made_again(file: str, fault: str, config: Config, whole: Path, copy: Path):
    one = fold_with(copy, file)
    EVERY[fault](one / file)
    said = rerun(config, copy)
    assert (copy / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()
    if (file, fault) != (run_files.FOLD, "deleted"):  # a fold that never was finished looks alike
        assert str(one / file) in said
        assert "1 to train" in said
    assert [path.name for path in finished_folders.completed_folds(copy)] == [
        path.name for path in finished_folders.completed_folds(whole)
    ]
    assert "is made again" not in rerun(config, copy)


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        pytest.param(file, fault, marks=[] if (file, fault) == (run_files.CURVES, "empty") else pytest.mark.slow)
        for file, fault in FAULTS
        if not (file in (run_files.CURVES, run_files.PREDICTIONS) and fault in ("bit flipped", "edited"))
        and not (file == run_files.FOLD and fault == "bit flipped")
        and not (file in (run_files.CURVES, run_files.ATTENTION, run_files.CHECKPOINT) and fault == "deleted")
    ],
)
@counted("fold of an older version")
def test_a_fold_without_hashes_is_checked_as_far_as_it_shows(
    file: str, fault: str, config: Config, whole: Path, copy: Path
):
    for one in finished_folders.completed_folds(copy):
        record = json.loads((one / run_files.FOLD).read_text())
        del record[finished_folders.HASHES]
        (one / run_files.FOLD).write_text(json.dumps(record))
    if not (file == run_files.FOLD or fault != "empty"):
        assert "0 to train" in rerun(config, copy)  # as they are they count as finished
    EVERY[fault](fold_with(copy, file) / file)
    assert "1 to train" in rerun(config, copy)
    assert (copy / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()


@pytest.mark.parametrize("fault", ["empty", *slow("cut in half", "noise", "deleted", "no object")])
@pytest.mark.parametrize("file", [run_files.MANIFEST, *slow(run_files.RESULTS, run_files.PREDICTIONS, run_files.FOLDS)])
@counted("file of the run")
def test_files_of_the_run_are_written_again(file: str, fault: str, config: Config, whole: Path, copy: Path):
    {**DAMAGE, "no object": lambda path: path.write_text("[]")}[fault](copy / file)
    assert "0 to train" in rerun(config, copy)
    assert (copy / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()
    assert json.loads((copy / file).read_text()) if file.endswith(".json") else True


@pytest.mark.parametrize(
    "fault", ["empty", *slow("edited", "bit flipped", "cut in half", "noise", "deleted", "no object")]
)
@pytest.mark.parametrize("file", [run_files.MANIFEST, run_files.RESULTS, run_files.PREDICTIONS])
@counted("file of a compared run")
def test_compare_names_a_damaged_file(file: str, fault: str, whole: Path, copy: Path, tmp_path: Path):
    other = {**DAMAGE, "no object": lambda path: path.write_text("[]"), "edited": lambda path: path.write_text("{}")}
    other[fault](copy / file)
    # a bit in a list of numbers may leave a file that can be read: then nothing need be said of it
    may_pass = fault == "bit flipped" and file != run_files.PREDICTIONS
    found = command("mer.compare", str(whole), str(copy), cwd=tmp_path)
    assert "Traceback" not in found.stderr
    assert found.returncode == 2 or may_pass
    assert file in " ".join(found.stderr.split()) or may_pass or "cannot be compared" in found.stderr


@pytest.mark.parametrize("fault", ["noise", *slow(*(one for one in DAMAGE if one != "noise"), "a list", "of a sweep")])
@pytest.mark.parametrize("file", [run_files.CONFIG, run_files.MANIFEST, run_files.SWEEP])
@counted("file of a resumed run")
def test_resume_of_a_damaged_run_is_refused_or_right(file: str, fault: str, whole: Path, copy: Path, tmp_path: Path):
    (copy / run_files.SWEEP).write_text(json.dumps({"overrides": ["seed=0,1"]}))
    if file != run_files.SWEEP or fault == "deleted":
        (copy / run_files.SWEEP).unlink()
    other = {"a list": lambda path: path.write_text("[1]"), "of a sweep": lambda path: path.write_text("{}")}
    if (copy / file).exists():
        {**DAMAGE, **other}[fault](copy / file)
    if file == run_files.SWEEP and fault == "bit flipped":
        return  # it may say another sweep
    found = command("mer.run", f"resume={copy}", "trainer.progress=false", cwd=tmp_path)
    assert "Traceback" not in found.stderr
    if found.returncode:
        assert found.returncode == 2 and str(copy) in " ".join(found.stderr.split())
    assert (copy / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        os.fsdecode(b"r\xff\xfe\x80n"),
        *slow("/".join(["a" * 200] * 12), "two words, 'quoted'", "line\nbreak", "[bold]x[/bold]", "Größe 試験"),
    ],
)
@counted("odd folder")
def test_a_run_works_in_a_folder_of_any_name(name: str, config: Config, whole: Path, tmp_path: Path):
    rerun(config, tmp_path / name)
    assert (tmp_path / name / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()
    shutil.rmtree(finished_folders.completed_folds(tmp_path / name)[0])
    assert "1 to train" in rerun(config, tmp_path / name)


@pytest.mark.parametrize("mask", [0o077, 0o000, 0o027])
@pytest.mark.slow
@counted("odd umask")
def test_a_run_works_under_any_umask(mask: int, config: Config, whole: Path, tmp_path: Path):
    before = os.umask(mask)
    try:
        rerun(config, tmp_path / "run")
    finally:
        os.umask(before)
    assert (tmp_path / "run" / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o777 & ~mask


@pytest.mark.parametrize("years", [-30, 30])
@pytest.mark.slow
@counted("clock set back")
def test_folds_from_another_time_are_finished_all_the_same(years: int, config: Config, whole: Path, copy: Path):
    then = time.time() + years * 365 * 86400
    for path in copy.rglob("*"):
        os.utime(path, (then, then))
    assert "0 to train" in rerun(config, copy)
    assert (copy / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()


@pytest.mark.parametrize("null", ["permuted_labels", "onset_only"])
@pytest.mark.slow
@counted("null run")
def test_a_null_run_is_finished_as_it_began(null: str, config: Config, tmp_path: Path):
    config = replace(config, null=null)
    rerun(config, tmp_path / "run")
    before = (tmp_path / "run" / run_files.PREDICTIONS).read_bytes()
    shutil.rmtree(finished_folders.completed_folds(tmp_path / "run")[1])
    flip(finished_folders.completed_folds(tmp_path / "run")[0] / run_files.CHECKPOINT)
    assert "2 to train" in rerun(config, tmp_path / "run")
    assert (tmp_path / "run" / run_files.PREDICTIONS).read_bytes() == before
    with pytest.raises(MerError, match="null: "):
        rerun(replace(config, null="none"), tmp_path / "run")


@pytest.mark.slow
@counted("null run")
def test_a_run_with_null_tests_is_run_again(config: Config, whole: Path, tmp_path: Path):
    config = replace(config, sanity=True)
    run_folder = Path(shutil.copytree(whole, tmp_path / "run"))
    rerun(config, run_folder)
    results = json.loads((run_folder / run_files.RESULTS).read_text())["sanity"]
    assert {"permuted_labels", "onset_only", "linear", "identity"} <= results.keys()
    null = run_files.sanity_folder(run_folder, "permuted_labels")
    shutil.rmtree(finished_folders.completed_folds(null)[0])
    noise(run_folder / run_files.SANITY_FOLDER / run_files.SANITY)
    rerun(config, run_folder)
    assert json.loads((run_folder / run_files.RESULTS).read_text())["sanity"] == results
    assert (run_folder / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()
    noise(run_folder / run_files.SANITY_FOLDER / run_files.SANITY)
    with pytest.raises(MerError, match=run_files.SANITY):  # it would be lost, and nobody asks for it anew
        rerun(replace(config, sanity=False), run_folder)


@counted("fold of another person")
def test_a_fold_copied_to_the_name_of_another_is_made_again(config: Config, whole: Path, copy: Path):
    first, second = finished_folders.completed_folds(copy)[:2]
    shutil.rmtree(second)
    shutil.copytree(first, second)
    assert "1 to train" in rerun(config, copy)
    assert (copy / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()


@counted("fold of other data")
def test_folds_of_other_data_are_refused_though_the_manifest_is_lost(config: Config, copy: Path):
    (copy / run_files.MANIFEST).unlink()
    one = finished_folders.completed_folds(copy)[0]
    record = json.loads((one / run_files.FOLD).read_text()) | {"data_hash": "other"}
    del record[finished_folders.HASHES]
    (one / run_files.FOLD).write_text(json.dumps(finished_folders.seal(one, run_files.FOLD, record)))
    with pytest.raises(MerError, match="other data"):
        run(config, copy, console=Console(quiet=True))


@pytest.mark.parametrize("name", [run_files.RESULTS, *slow(run_files.REPORT, run_files.FOLDS_FOLDER, run_files.LOCK)])
@counted("obstacle in the run's folder")
def test_what_stands_in_the_way_is_named_before_anything_is_trained(
    name: str, config: Config, copy: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(train_folds, "run_fold", lambda *_: pytest.fail("trained"))
    path = copy / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.write_text("") if name == run_files.FOLDS_FOLDER else path.mkdir()
    with pytest.raises(MerError, match=f"{path}|{copy} cannot be written"):
        run(config, copy, console=Console(quiet=True))


@counted("run's folder behind a link")
def test_a_run_is_finished_through_a_link(config: Config, whole: Path, copy: Path, tmp_path: Path):
    (tmp_path / "link").symlink_to(copy)
    shutil.rmtree(finished_folders.completed_folds(copy)[0])
    assert "1 to train" in rerun(config, tmp_path / "link")
    assert (copy / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()
    assert (tmp_path / "link").is_symlink()


@counted("leftovers of a kill")
def test_leftovers_go_at_the_next_start(config: Config, copy: Path):
    left = [copy / run_files.FOLDS_FOLDER / ".a-12345678", copy / run_files.STAGES_FOLDER / ".prior-12345678"]
    for folder in left:
        folder.mkdir(parents=True)
        (folder / run_files.CHECKPOINT).write_bytes(b"half")
    left.append(copy / ".results-abcd1234.json")
    left[-1].write_text("{")
    rerun(config, copy)
    assert not any(path.exists() for path in left)
    assert (copy / run_files.LOCK).exists()


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system in memory of this size; skips where nobody may mount one."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(shutil.which("mount") is None or os.name != "posix", reason="no mount")
@pytest.mark.parametrize("size", ["200k", "300k", "500k", "700k"])
@pytest.mark.slow
@counted("full disk")
def test_a_full_disk_stops_the_run_and_more_room_finishes_it(size: str, config: Config, whole: Path, tmp_path: Path):
    with small_disk(tmp_path / "disk", size) as disk:
        with pytest.raises(DiskFullError, match=f"no space left in {disk}.* bytes are free"):
            run(config, disk / "run", console=Console(quiet=True))
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        run(config, disk / "run", console=Console(quiet=True))
        assert (disk / "run" / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()


@pytest.mark.skipif(shutil.which("mount") is None or os.name != "posix", reason="no mount")
@pytest.mark.parametrize(
    "file", [run_files.PREDICTIONS, run_files.REPORT, *slow(run_files.RESULTS, run_files.CONFUSION)]
)
@counted("full disk")
def test_a_disk_that_is_full_when_results_are_written_loses_no_fold(
    file: str, config: Config, whole: Path, tmp_path: Path
):
    with small_disk(tmp_path / "disk", "64m") as disk:
        copy = Path(shutil.copytree(whole, disk / "run"))
        before = (copy / file).read_bytes()
        real = atomic_files.tempfile.mkstemp
        rest = disk / "rest"

        def fill(**named: Any) -> tuple[int, str]:
            """Take what is left of the disk as soon as this file is begun."""
            if named["prefix"].startswith(f".{Path(file).stem}-") and not rest.exists():
                with contextlib.suppress(OSError), rest.open("wb") as blocks:
                    while True:
                        blocks.write(bytes(4096))
                        blocks.flush()
            return real(**named)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(atomic_files.tempfile, "mkstemp", fill)
            with pytest.raises(DiskFullError, match=f"no space left in {copy}"):
                run(config, copy, console=Console(quiet=True))
        assert (copy / file).read_bytes() == before  # the old file, whole
        rest.unlink()
        assert "0 to train" in rerun(config, copy)
        assert (copy / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()


@counted("full disk")
def test_the_first_full_disk_ends_the_run(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    trained = []

    def full(experiment, fold, run):
        trained.append(fold.name)
        with name_full_disk(run):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(train_folds, "run_fold", full)
    with pytest.raises(DiskFullError, match="bytes are free"):
        run(config, tmp_path / "run", console=Console(quiet=True))
    assert len(trained) == 1


@pytest.mark.skipif(shutil.which("mount") is None or os.name != "posix", reason="no mount")
@counted("read-only folder")
def test_a_read_only_folder_is_named_before_anything_is_trained(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(train_folds, "run_fold", lambda *_: pytest.fail("trained"))
    with small_disk(tmp_path / "disk", "1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(MerError, match=str(disk)):
            run(config, disk / "run", console=Console(quiet=True))


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    done: list[str] = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("sync"), sync(handle))[1])
    monkeypatch.setattr(Path, "replace", lambda self, target: (done.append("rename"), replace(self, target))[1])
    atomic_files.write_json(tmp_path / "a.json", {})
    assert done == ["sync", "rename", "sync"]
    done.clear()
    with atomic_files.write_folder_atomically(tmp_path / "folder") as work:
        (work / "a").write_text("a")
    assert done == ["sync", "sync", "rename", "sync"]


#: Files of a shared stage.
STAGE_FILES = (run_files.STAGE, run_files.CHECKPOINT, run_files.CURVES)


@pytest.fixture(scope="session")
def staged(config: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Path]:
    """A run whose folds begin with a stage on drawn motion, shared by all of them."""
    prior = StageConfig(
        data=MotionPriorData(name="motion_prior", maps=60),
        optim=OptimConfig(epochs=1, batch_size=8),
        augment=AugmentConfig(),
    )
    with_stage = replace(config, stages={"prior": prior})
    folder = tmp_path_factory.mktemp("staged") / "run"
    run(with_stage, folder, console=Console(quiet=True))
    return with_stage, folder


@pytest.mark.parametrize("fault", DAMAGE)
@pytest.mark.parametrize("file", STAGE_FILES)
@pytest.mark.slow
@counted("file of a shared stage")
def test_a_damaged_stage_is_made_again_before_a_fold_uses_it(
    file: str, fault: str, staged: tuple[Config, Path], tmp_path: Path
):
    config, whole = staged
    copy = Path(shutil.copytree(whole, tmp_path / "run"))
    path = run_files.stage_folder(copy, "prior") / file
    DAMAGE[fault](path)
    shutil.rmtree(finished_folders.completed_folds(copy)[0])
    said = rerun(config, copy)
    assert f"note: {path}" in said
    assert (copy / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()


@counted("file of a shared stage")
def test_a_damaged_stage_is_made_again_though_all_folds_are_finished(staged: tuple[Config, Path], tmp_path: Path):
    config, whole = staged
    copy = Path(shutil.copytree(whole, tmp_path / "run"))
    noise(run_files.stage_folder(copy, "prior") / run_files.STAGE)
    said = rerun(config, copy)
    assert "0 to train" in said and "the stage is made again" in said
    assert (copy / run_files.PREDICTIONS).read_bytes() == (whole / run_files.PREDICTIONS).read_bytes()
    mine, theirs = (json.loads((one / run_files.RESULTS).read_text())["stages"] for one in (copy, whole))
    assert [one["steps"] for one in mine] == [one["steps"] for one in theirs]


@counted("file of a shared stage")
def test_a_stage_damaged_while_folds_are_trained_gives_no_scores(staged: tuple[Config, Path], tmp_path: Path):
    folder = Path(shutil.copytree(run_files.stage_folder(staged[1], "prior"), tmp_path / "prior"))
    assert read_start(folder).classes
    flip(folder / run_files.CHECKPOINT)
    with pytest.raises(MerError, match=run_files.CHECKPOINT):
        read_start(folder)


def command_line(folder: Path, cache_dir: Path) -> list[str]:
    """A tiny run of the drawn experiment."""
    shared = ("model.attention.stages=[1,4]", "name=tiny", f"cache_dir={cache_dir}")
    return [*TINY, *shared, "+experiment=synthetic_loso", f"hydra.run.dir={folder}"]


@pytest.fixture(scope="session")
def uninterrupted(cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Predictions of a run that nobody killed."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    done = process("mer.run", *command_line(folder / "run", cache_dir), cwd=folder)
    assert done.returncode == 0, done.stderr
    return (folder / "run" / run_files.PREDICTIONS).read_bytes()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads children from Linux' /proc")
@pytest.mark.slow
@pytest.mark.parametrize("moment", np.linspace(0.15, 0.95, 8).round(2))
@counted("kill -9 at a random moment")
def test_a_run_killed_at_any_moment_is_finished_by_the_same_command(
    moment: float, uninterrupted: bytes, cache_dir: Path, tmp_path: Path
):
    target = tmp_path / "run"
    line = command_line(target, cache_dir)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    started = subprocess.Popen(
        [sys.executable, "-m", "mer.run", *line],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: (target / run_files.MANIFEST).is_file() or started.poll() is not None, 120)
    time.sleep(moment * 6)
    started.kill()
    started.wait()
    time.sleep(0.5)
    assert not in_session(started.pid)
    again = process("mer.run", *line, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (target / run_files.PREDICTIONS).read_bytes() == uninterrupted
    third = process("mer.run", *line, cwd=tmp_path)
    assert "0 to train" in third.stdout
    assert not list((target / run_files.FOLDS_FOLDER).glob(".*"))


def wait_until(met: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not met() and time.monotonic() < end:
        time.sleep(0.05)


def in_session(leader: int) -> list[int]:
    """Processes of a session that still live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                found.append(int(path.parent.name))
    return found
