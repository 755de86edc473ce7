"""Faults of the cache: damaged or deleted files, no space, no right to write. The next run predicts the same."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from mer import run_files
from mer.config import Config
from mer.errors import DiskFullError
from mer.inputs.cache import file_hashes
from mer.run import run
from tests.conftest import tiny
from tests.faults.counts import counted
from tests.faults.test_run_folder import DAMAGE, small_disk

#: Files of each kind, as a pattern below the cache.
KINDS = (
    "pixels/*.npy",
    "pixels/*.json",
    "prints/*.npy",
    "prints/*.json",
    "synthetic/*/*/*.png",
    "synthetic/*/*/*.npz",
    "files.sqlite",
)
QUICK = {("pixels/*.npy", "bit flipped"), ("files.sqlite", "noise"), ("synthetic/*/*/*.png", "cut in half")}
#: What is known of these files shows by their hashes or checksums, of the others by their form alone.
CASES = [(kind, fault) for kind in KINDS for fault in DAMAGE]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A cache that a run has filled, and the run's predictions."""
    folder = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_hashes, "RACY", -60.0)  # files that are as new as the drawn ones are remembered too
        run(tiny(folder / "cache"), folder / "run", console=Console(quiet=True))
    return folder / "cache", (folder / "run" / run_files.PREDICTIONS).read_bytes()


def predictions(config: Config, folder: Path) -> bytes:
    run(config, folder, console=Console(quiet=True))
    return (folder / run_files.PREDICTIONS).read_bytes()


@pytest.mark.parametrize(
    ("kind", "fault"), [pytest.param(*one, marks=[] if one in QUICK else pytest.mark.slow) for one in CASES]
)
@counted("file of the cache")
def test_a_damaged_entry_is_made_again(kind: str, fault: str, filled: tuple[Path, bytes], tmp_path: Path):
    cache = Path(shutil.copytree(filled[0], tmp_path / "cache"))
    paths = sorted(cache.glob(kind))
    assert paths
    DAMAGE[fault](paths[len(paths) // 2])
    assert predictions(tiny(cache), tmp_path / "run") == filled[1]


@counted("folder of the cache")
def test_a_cache_that_is_deleted_under_a_finished_run_is_filled_again(filled: tuple[Path, bytes], tmp_path: Path):
    cache = Path(shutil.copytree(filled[0], tmp_path / "cache"))
    assert predictions(tiny(cache), tmp_path / "run") == filled[1]
    shutil.rmtree(cache)
    assert predictions(tiny(cache), tmp_path / "run") == filled[1]


@pytest.mark.skipif(shutil.which("mount") is None or os.name != "posix", reason="no mount")
@pytest.mark.parametrize("size", ["40k", "120k", "300k", "600k"])
@pytest.mark.slow
@counted("full disk")
def test_a_full_cache_stops_the_run_and_more_room_finishes_it(size: str, filled: tuple[Path, bytes], tmp_path: Path):
    with small_disk(tmp_path / "disk", size) as disk:
        config = replace(tiny(disk / "cache"))
        with pytest.raises((DiskFullError, OSError)) as found:
            run(config, tmp_path / "run", console=Console(quiet=True))
        assert str(disk) in str(found.value)
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert predictions(config, tmp_path / "run") == filled[1]


@pytest.mark.skipif(shutil.which("mount") is None or os.name != "posix", reason="no mount")
@pytest.mark.slow
@counted("read-only folder")
def test_a_run_reads_a_cache_that_it_may_not_write(filled: tuple[Path, bytes], tmp_path: Path):
    with small_disk(tmp_path / "disk", "64m") as disk:
        cache = Path(shutil.copytree(filled[0], disk / "cache"))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert predictions(tiny(cache), tmp_path / "run") == filled[1]
