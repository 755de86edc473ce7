"""Arrays in the cache: what is not what was written is made again; a full disk is named before it is written to."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from mer.config import InputConfig
from mer.data.samples.table import SampleTable
from mer.inputs.cache.arrays import open_array, save_array
from mer.inputs.input_arrays import compute_inputs
from mer.utils import disk_space
from mer.utils.disk_space import DiskFullError, name_full_disk, reserve

CONFIG = InputConfig(representation="difference", size=40)


def zero_a_row(path: Path) -> None:
    array = np.lib.format.open_memmap(path, mode="r+")
    array[1] = 0
    array.flush()


def rewrite(path: Path) -> None:
    array = np.array(np.load(path))
    array[1] = 0
    np.save(path, array)


@pytest.mark.parametrize("damage", [zero_a_row, rewrite])
def test_a_zeroed_row_is_made_again(clips: SampleTable, tmp_path: Path, damage) -> None:
    first = np.array(compute_inputs(clips, CONFIG, tmp_path / "cache"))
    (path,) = (tmp_path / "cache" / "pixels").glob("*.npy")
    damage(path)
    np.testing.assert_array_equal(compute_inputs(clips, CONFIG, tmp_path / "cache"), first)


def test_arrays_of_earlier_versions_are_taken_and_changed_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    save_array(path, np.arange(6.0))
    index = path.with_suffix(".json")
    found = json.loads(index.read_text())
    np.testing.assert_array_equal(open_array(path), np.arange(6.0))
    np.save(path, np.arange(6.0) + 1)
    assert open_array(path) is None
    index.write_text(json.dumps({key: value for key, value in found.items() if key != "sha256"}))
    np.testing.assert_array_equal(open_array(path), np.arange(6.0) + 1)
    index.unlink()
    np.testing.assert_array_equal(open_array(path), np.arange(6.0) + 1)
    index.write_text("{")
    assert open_array(path) is None


def full(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_space_is_taken_before_the_array_is_written(
    clips: SampleTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(DiskFullError, match=r"no space left in .*pixels for 25,\d{3} bytes.*cache_dir"):
        compute_inputs(clips, CONFIG, tmp_path / "cache")
    assert not list((tmp_path / "cache" / "pixels").iterdir())


def test_space_is_taken_where_the_system_has_no_call_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(disk_space.os, "posix_fallocate", raising=False)
    path = tmp_path / "a"
    path.write_bytes(b"head")
    with path.open("r+b") as file:
        file.truncate(3_000_000)
    reserve(path, 3_000_000)
    assert path.read_bytes() == b"head".ljust(3_000_000, b"\0")
    assert path.stat().st_blocks * 512 >= 3_000_000


def test_half_an_array_is_a_full_disk_and_other_errors_are_not(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError), name_full_disk(tmp_path):
        raise OSError("45 requested and 0 written")
    with pytest.raises(PermissionError), name_full_disk(tmp_path):
        raise PermissionError(errno.EACCES, "no")
