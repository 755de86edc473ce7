"""JSON files: read as written, a damaged one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mer.errors import DamagedFileError
from mer.utils.atomic_files import read_json, write_folder_atomically, write_json


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe", b"[1]", b"null"])
def test_a_damaged_json_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fold.json"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"fold\.json: expected a JSON object.*delete it"):
        read_json(path)


def test_json_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"é": [1.5, None]})
    assert read_json(tmp_path / "a.json") == {"é": [1.5, None]}
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "b.json")


def test_an_error_names_the_file_that_was_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file" / "a.json", Path("/proc/a.json")):
        with pytest.raises(OSError) as found:
            write_json(target, {})
        assert found.value.filename == str(target)
        with pytest.raises(OSError) as found, write_folder_atomically(target):
            pass
        assert found.value.filename == str(target)
