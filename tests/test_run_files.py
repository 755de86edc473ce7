from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer import run_files


@given(st.text(min_size=1, max_size=300))
def test_a_fold_folder_lies_directly_in_folds(name: str) -> None:
    folder = run_files.fold_folder("run", name)
    assert folder.parent == Path("run/folds")
    assert not folder.name.startswith(".")
    assert len(folder.name.encode()) < 200
    assert not set(folder.name) & set('/\\:*?"<>| \n\0')


@pytest.mark.parametrize("name", ["samm-006", "casme2-sub01", "0"])
def test_a_safe_name_is_kept(name: str) -> None:
    assert run_files.fold_folder("run", name).name == name


def test_two_names_never_share_a_folder() -> None:
    names = ["a:b", "a/b", "a-b", "a b", "x" * 150, "x" * 151]
    assert len({run_files.fold_folder("run", name) for name in names}) == len(names)


def test_only_finished_folds_are_listed(tmp_path: Path) -> None:
    assert run_files.completed_folds(tmp_path) == []
    for name, finished in (("b", True), ("a", True), ("c", False), (".d", True)):
        folder = tmp_path / run_files.FOLDS_FOLDER / name
        folder.mkdir(parents=True)
        if finished:
            (folder / run_files.FOLD).write_text('{"config_hash": "", "environment": {}}')
    assert [folder.name for folder in run_files.completed_folds(tmp_path)] == ["a", "b"]
