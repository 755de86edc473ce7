"""A step of preparing: made once, refused clips told, and nothing made twice after an interruption."""

from __future__ import annotations

from pathlib import Path

import pytest

from mer.errors import SampleError
from mer.inputs.cache import cached_step
from mer.inputs.cache.cached_step import CachedStep


def step(folder: Path, *, refused: int | None = None, breaks: int | None = None) -> CachedStep[str]:
    """Eight clips, each entry a small file with its number."""

    def kept(place: int) -> str | None:
        path = folder / str(place)
        return path.read_text() if path.is_file() else None

    def make(place: int) -> str:
        if place == breaks:
            raise RuntimeError("pulled the plug")
        if place == 5:
            raise SampleError("no face")
        (folder / str(place)).write_text(f"clip {place}")
        return f"clip {place}"

    files = [SampleError("no folder") if place == refused else (f"{place}.png",) for place in range(8)]
    return CachedStep("clips", files, load=kept, compute=make)


def test_entries_come_in_order_and_refused_clips_with_their_reason(tmp_path: Path) -> None:
    mine = step(tmp_path, refused=2)
    assert mine.missing() == [0, 1, 3, 4, 5, 6, 7]
    with mine.results(progress=False) as results:
        found = [str(result) for result in results]
    assert found == ["clip 0", "clip 1", "no folder", "clip 3", "clip 4", "no face", "clip 6", "clip 7"]
    assert mine.made == 6
    assert mine.missing() == [5]


def test_after_an_interruption_the_rest_is_made(tmp_path: Path) -> None:
    first = step(tmp_path, breaks=4)
    with pytest.raises(RuntimeError), first.results(progress=True) as results:
        list(results)
    assert 4 <= first.made < 8
    second = step(tmp_path)
    with second.results(progress=False) as results:
        assert len(list(results)) == 8
    assert first.made + second.made == 7


def test_where_all_is_kept_there_are_no_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(8):
        (tmp_path / str(place)).write_text("kept")
    monkeypatch.setattr(cached_step, "thread_map", None)
    mine = step(tmp_path)
    with mine.results(progress=False) as results:
        assert list(results) == ["kept"] * 8
    assert mine.made == 0
