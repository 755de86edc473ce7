"""Leftovers of killed processes go at the next start, in a run's folder and in the cache; living ones keep theirs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from mer import run_files
from mer.config import Config
from mer.inputs import pipeline
from mer.run import run
from mer.utils.atomic_files import write_atomically, write_folder_atomically
from tests.faults.counts import counted

CODE = """
import sys, time
from pathlib import Path
from mer.utils.atomic_files import write_atomically, write_folder_atomically
with write_atomically(Path(sys.argv[1]) / f"{'a' * 16}.npy") as one, write_folder_atomically(
    Path(sys.argv[2]) / ("b" * 16)
) as other:
    one.write_bytes(b"half")
    (other / "half.png").write_bytes(b"half")
    print("begun", flush=True)
    time.sleep(600)
"""


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob(".*") if path.name != run_files.LOCK)


@pytest.mark.parametrize("number", ["KILL", "STOP"])
@counted("leftovers of a kill")
def test_leftovers_in_the_cache_go_when_nobody_owns_them(number: str, tiny_config: Config, tmp_path: Path):
    config = replace(tiny_config, cache_dir=str(tmp_path))
    for kind in ("pixels", "faces"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / ".settings-username").write_text("of somebody else")
    code = [sys.executable, "-c", CODE, str(tmp_path / "pixels"), str(tmp_path / "faces")]
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "begun\n"
        assert len(hidden(tmp_path)) == 4
        pipeline.clean_cache(config)
        assert len(hidden(tmp_path)) == 4, "a living process writes there"
        if number == "KILL":
            writer.kill()
            writer.wait()
            pipeline.clean_cache(config)
            assert hidden(tmp_path) == [".settings-username"] * 2
        else:
            os.kill(writer.pid, 19)  # stopped, as in a debugger: it may go on
            pipeline.clean_cache(config)
            assert len(hidden(tmp_path)) == 4
            writer.kill()


@counted("leftovers of a kill")
def test_a_run_cleans_cache_and_folder_at_its_start(tiny_config: Config, cache_dir: Path, tmp_path: Path):
    left = [
        cache_dir / "pixels" / f".{'0' * 16}-abcd1234.npy",
        cache_dir / "drawn" / f".{'1' * 16}-abcd_234.json",
        cache_dir / "faces" / f".{'2' * 16}-abcd1234",
        tmp_path / ".results-abcd1234.json",
        tmp_path / "sanity" / ".sanity-abcd1234.json",
        tmp_path / "folds" / ".fold-abcd1234",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if not path.suffix else path.write_text("half")
    run(tiny_config, tmp_path, console=Console(quiet=True))
    assert not [path for path in left if path.exists()]


@counted("clock set back")
def test_what_is_written_stays_though_the_clock_jumps(tmp_path: Path):
    with (
        write_atomically(tmp_path / f"{'a' * 16}.json") as one,
        write_folder_atomically(tmp_path / ("b" * 16)) as other,
    ):
        for path in (one, other):
            os.utime(path, (0, 0))
        pipeline.remove_abandoned(tmp_path, pipeline.KEY)
        one.write_text("{}")
        (other / "a").write_text("a")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{'a' * 16}.json", "b" * 16]
