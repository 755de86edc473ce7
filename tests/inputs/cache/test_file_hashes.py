"""Remembered hashes: true ones always, and no file is read twice that has not changed."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mer.inputs.cache import file_hashes as hashes
from mer.inputs.cache.file_hashes import MISSING, file_hashes


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Six small files."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.png").write_bytes(bytes([number]) * 100)
    return [str(folder / f"{number}.png") for number in range(6)]


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as old at once: time of change cannot be set back."""
    monkeypatch.setattr(hashes, "RACY", -60.0)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of files that were read, as they are read."""
    seen: list[str] = []
    true = hashes._hash

    def noted(path: str) -> bytes:
        seen.append(path)
        return true(path)

    monkeypatch.setattr(hashes, "_hash", noted)
    return seen


def truth(files: list[str]) -> dict[str, bytes]:
    return {path: hashlib.sha256(Path(path).read_bytes()).digest() for path in files}


@pytest.mark.usefixtures("settled")
def test_unchanged_files_are_read_once(files: list[str], tmp_path: Path, read: list[str]) -> None:
    assert file_hashes([*files, files[0]], tmp_path) == truth(files)
    assert sorted(read) == sorted(files)
    assert file_hashes(files, tmp_path) == truth(files)
    assert len(read) == 6


def test_what_has_just_changed_is_not_trusted(files: list[str], tmp_path: Path, read: list[str]) -> None:
    for _ in range(2):
        assert file_hashes(files, tmp_path) == truth(files)
    assert len(read) == 12


def _other_byte(path: Path) -> None:
    path.write_bytes(b"!" + path.read_bytes()[1:])


def _other_byte_at_the_old_time(path: Path) -> None:
    before = path.stat()
    _other_byte(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _other_file_in_its_place(path: Path) -> None:
    before = path.stat()
    fresh = path.with_suffix(".new")
    fresh.write_bytes(path.read_bytes()[::-1] + b"")
    _other_byte(fresh)
    os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
    fresh.replace(path)


def _touched(path: Path) -> None:
    os.utime(path, (1, 1))


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("change", [_other_byte, _other_byte_at_the_old_time, _other_file_in_its_place, _touched])
def test_a_changed_file_is_read_again_and_no_other(
    files: list[str], tmp_path: Path, read: list[str], change: Callable[[Path], None]
) -> None:
    before = file_hashes(files, tmp_path)
    time.sleep(0.02)  # the clock of the file system ticks
    read.clear()
    change(Path(files[2]))
    after = file_hashes(files, tmp_path)
    assert read == [files[2]]
    assert after == truth(files)
    assert (after == before) is (change is _touched)


@pytest.mark.usefixtures("settled")
def test_a_missing_file_is_said_and_found_once_it_is_there(files: list[str], tmp_path: Path) -> None:
    content = Path(files[1]).read_bytes()
    file_hashes(files, tmp_path)
    Path(files[1]).unlink()
    assert file_hashes(files, tmp_path)[files[1]] == MISSING
    Path(files[1]).write_bytes(content[::-1] + b"x")
    assert file_hashes(files, tmp_path) == truth(files)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", [b"no database at all, but longer than a header" * 100, b"", None])
def test_a_damaged_memory_is_begun_anew(
    files: list[str], tmp_path: Path, read: list[str], damage: bytes | None
) -> None:
    file_hashes(files, tmp_path)
    memory = tmp_path / hashes.NAME
    content = memory.read_bytes()
    memory.write_bytes(content[:1024] + b"\xff" * (len(content) - 1024) if damage is None else damage)
    for _ in range(2):
        assert file_hashes(files, tmp_path) == truth(files)
    assert len(read) == 12  # once before the damage, once after


def test_it_works_without_a_memory(files: list[str], tmp_path: Path) -> None:
    (tmp_path / hashes.NAME).mkdir()
    assert file_hashes(files, tmp_path) == truth(files)


@pytest.mark.usefixtures("settled")
def test_several_write_at_once(tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "BATCH", 5)
    parts = []
    for part in range(4):
        paths = [tmp_path / f"{part}_{number}" for number in range(25)]
        for path in paths:
            path.write_text(path.name)
        parts.append([str(path) for path in paths])
    threads = [threading.Thread(target=file_hashes, args=(part, tmp_path)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read) == 100
    every = [path for part in parts for path in part]
    assert file_hashes(every, tmp_path) == truth(every)
    assert len(read) == 100


@pytest.mark.usefixtures("settled")
def test_a_memory_that_another_process_holds_is_waited_for_with_a_word_and_then_done_without(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hashes, "PATIENCE", (0.05, 0.3))
    monkeypatch.setattr(hashes, "_given_up", set())
    file_hashes(files[:1], tmp_path)
    memory = tmp_path / hashes.NAME
    capsys.readouterr()
    with closing(sqlite3.connect(memory)) as other:
        other.execute("BEGIN EXCLUSIVE")
        start = time.monotonic()
        assert file_hashes(files, tmp_path) == truth(files)
        assert file_hashes(files, tmp_path) == truth(files)  # waited for once a process
        assert time.monotonic() - start < 5
    told = " ".join(capsys.readouterr().err.split())
    assert told.count(f"{memory} is locked by another process, waiting") == 1
    assert told.count(f"{memory} is still locked, going on without it") == 1


@pytest.mark.usefixtures("settled")
def test_a_memory_that_is_set_free_in_time_is_used(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hashes, "PATIENCE", (0.05, 30.0))
    file_hashes(files[:1], tmp_path)
    with closing(sqlite3.connect(tmp_path / hashes.NAME, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(0.4, other.rollback)
        timer.start()
        assert file_hashes(files, tmp_path) == truth(files)
        timer.join()
    told = capsys.readouterr().err
    assert "waiting" in told and "going on without" not in told
    with closing(sqlite3.connect(tmp_path / hashes.NAME)) as connection:
        assert connection.execute(f"SELECT count(*) FROM {hashes._TABLE}").fetchone() == (len(files),)
