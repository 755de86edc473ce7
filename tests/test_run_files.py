from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer import finished_folders, run_files
from mer.utils.atomic_files import write_json


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
    assert finished_folders.completed_folds(tmp_path) == []
    for name, finished in (("b", True), ("a", True), ("c", False), (".d", True)):
        folder = tmp_path / run_files.FOLDS_FOLDER / name
        folder.mkdir(parents=True)
        if finished:
            (folder / run_files.FOLD).write_text('{"config_hash": "", "environment": {}}')
    assert [folder.name for folder in finished_folders.completed_folds(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("key", "value"), [("seconds", "many"), ("environment", 3), ("accuracy", [1]), ("steps", {}), ("config_hash", None)]
)
def test_a_record_without_hashes_holds_numbers_where_numbers_belong(key: str, value: object, tmp_path: Path) -> None:
    record = {"config_hash": "a", "environment": {}, "seconds": 1.5, "accuracy": 1, "steps": None}
    write_json(tmp_path / run_files.FOLD, record)
    assert finished_folders.damage(tmp_path, run_files.FOLD) is None
    write_json(tmp_path / run_files.FOLD, {**record, key: value})
    assert str(finished_folders.damage(tmp_path, run_files.FOLD)).endswith(f"{run_files.FOLD} lacks {key}")


@pytest.mark.parametrize("name", [run_files.RESULTS, run_files.REPORT, run_files.MANIFEST, run_files.CONFUSION])
def test_a_folder_where_a_file_is_written_is_an_obstacle(name: str, tmp_path: Path) -> None:
    assert run_files.obstacle(tmp_path) is None
    (tmp_path / name).mkdir()
    assert run_files.obstacle(tmp_path) == tmp_path / name


@pytest.mark.parametrize("name", [run_files.FOLDS_FOLDER, run_files.STAGES_FOLDER])
def test_a_file_where_a_folder_is_written_is_an_obstacle(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("")
    assert run_files.obstacle(tmp_path) == tmp_path / name
