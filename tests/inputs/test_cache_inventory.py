"""What lies in the cache: our entries and no others are counted, and no others are removed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from mer.inputs import cache_inventory

KEY = "0123456789abcdef"
OTHER = "fedcba9876543210"
DAY = 86400


def write(path: Path, text: str = "x" * 10, *, days: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time.time() - days * DAY,) * 2)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """One entry of each kind, an older one, begun ones, and much that is not ours."""
    cache = tmp_path / "cache"
    faces = json.dumps({"data": "set", "detector": "mtcnn", "size": 96, "crops": {}})
    write(cache / "faces" / KEY / "crops.json", faces)
    write(cache / "faces" / KEY / "img1.png")
    write(cache / "faces" / f".{OTHER}-abcd_123" / "img1.png", days=3)
    write(cache / "apex" / f"{KEY}.json", json.dumps({"data": "set", "method": "flow"}))
    write(cache / "parts" / f"{KEY}.npy")
    write(cache / "parts" / f".{KEY}-abcd_123.npy")  # somebody writes it now
    write(cache / "pixels" / f"{KEY}.npy", "x" * 1000, days=40)
    index = json.dumps({"data": "set", "representation": "flow", "size": 28})
    write(cache / "pixels" / f"{KEY}.json", index, days=40)
    write(cache / "pixels" / f"{OTHER}.json", "no JSON", days=40)
    for kind in ("drawn", "prints"):
        write(cache / kind / f"{KEY}.npy")
    for kind in ("synthetic", "fer2013"):
        write(cache / kind / KEY / "s000" / "img.png")
    write(cache / "files.sqlite")
    return cache


def foreign(cache: Path) -> list[Path]:
    """Files of others, in the cache and behind links in it."""
    outside = cache.parent / "outside"
    found = [
        write(cache / "notes.txt"),
        write(cache / "faces" / "mine.png"),
        write(cache / "faces" / "holiday" / "crops.json"),
        write(cache / "faces" / f"{KEY}0" / "img1.png"),
        write(cache / "apex" / f"{KEY.upper()}.json"),
        write(cache / "pixels" / f"{KEY}.txt"),
        write(cache / "pixels" / "thesis.npy"),
        write(cache / "pixels" / f"{OTHER}.npy" / "kept.txt"),
        write(cache / "other" / f"{KEY}.npy"),
        write(outside / "s000" / "img.png"),
        write(outside / f"{OTHER}.npy"),
    ]
    (cache / "synthetic" / OTHER).symlink_to(outside)
    (cache / "drawn" / f"{OTHER}.npy").symlink_to(outside / f"{OTHER}.npy")
    (cache / "faces" / KEY / "link").symlink_to(outside)
    return found


def test_ours_are_counted_with_data_and_settings(cache: Path) -> None:
    foreign(cache)
    found = cache_inventory.entries(cache)
    told = {(entry.kind, entry.of) for entry in found if not entry.unfinished}
    assert told == {
        ("faces", "set: mtcnn, 96 pixels"),
        ("apex", "set: flow"),
        ("pixels", "set: flow 28x28"),
        ("pixels", "?"),
        *((kind, "") for kind in ("parts", "drawn", "prints", "synthetic", "fer2013", "hashes")),
    }
    assert len(found) == 12
    pixels = next(entry for entry in found if entry.of == "set: flow 28x28")
    assert pixels.size == 1000 + len((cache / "pixels" / f"{KEY}.json").read_text())
    assert 39.9 < (time.time() - pixels.read) / DAY < 40.1


def test_telling_is_no_reading(cache: Path) -> None:
    index = cache / "pixels" / f"{KEY}.json"
    cache_inventory.entries(cache)
    assert (time.time() - index.stat().st_atime) / DAY > 39


def test_foreign_files_survive_and_so_does_what_is_being_written(cache: Path) -> None:
    kept = [*foreign(cache), cache / "parts" / f".{KEY}-abcd_123.npy"]
    cache_inventory.remove(cache_inventory.older_than(cache_inventory.entries(cache)))
    assert all(path.is_file() for path in kept)
    left = {path for path in cache.rglob("*") if path.is_file() and not path.is_symlink()}
    assert left == {path for path in kept if path.is_relative_to(cache)}


def test_age_chooses(cache: Path) -> None:
    found = cache_inventory.entries(cache)
    assert {entry.kind for entry in cache_inventory.older_than(found, days=30)} == {"pixels"}
    # what was begun three days ago belongs to nobody any more
    assert [entry.kind for entry in cache_inventory.older_than(found) if entry.unfinished] == ["faces"]
    cache_inventory.remove(cache_inventory.older_than(found, days=30))
    assert {entry.kind for entry in cache_inventory.entries(cache)} == {entry.kind for entry in found} - {"pixels"}


def test_a_linked_folder_of_a_kind_is_not_ours(tmp_path: Path) -> None:
    held = write(tmp_path / "disk" / f"{KEY}.npy")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "pixels").symlink_to(tmp_path / "disk")
    assert cache_inventory.entries(tmp_path / "cache") == []
    assert held.is_file()


def test_no_cache_holds_nothing(tmp_path: Path) -> None:
    assert cache_inventory.entries(tmp_path / "none") == []
    cache_inventory.remove([])
