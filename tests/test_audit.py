"""`python -m mer.audit` as a user meets it, on a drawn tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mer import audit
from mer.data.synthetic.__main__ import main as synthetic_main
from tests.helpers import trees


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("audit") / "casme2"
    options = ["--layout", "casme2", "--out", str(root), "--subjects", "3", "--clips", "10", "--size", "32"]
    assert synthetic_main(options) == 0
    return root


def test_clean_tree(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert audit.main(["data=casme2", f"data.root={tree}"]) == 0
    shown = capsys.readouterr().out
    assert "CASME II, part cropped: 10 clips of 3 subjects" in shown
    assert "Can be used; no findings to look at." in shown and "disgust" in shown


def test_json_holds_every_finding_with_its_row(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trees.edit(tree, "casme2", 3, apexframe=9000)
    capsys.readouterr()
    for setting, status in (("error", 2), ("middle", 1)):
        arguments = ["--json", "data=casme2", f"data.root={tree}", f"data.missing_apex={setting}"]
        assert audit.main(arguments) == status
        result = json.loads(capsys.readouterr().out)
        assert result["status"] == status and sum(result["counts"].values()) == result["clips"] == 10
        findings = [finding for finding in result["findings"] if not finding["harmless"]]
        assert {(finding["kind"], finding["where"]) for finding in findings} == {
            ("apex", "row 3"),
            ("key frame", "row 3"),
        }
        assert bool(result["unusable"]) is (status == 2)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["data=casme2", "data.root=/nowhere"], "missing: the folder itself"),
        (["data=synthetic"], "expected one of casme, casme2"),
        (["data=casme9"], "casme9"),
        (["data=casme2", "data.root=/nowhere", "data.part=best"], "data.part"),
        (["data=casme2", "data.rot=/nowhere"], "rot"),
    ],
)
def test_what_cannot_be_audited(arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(arguments) == 2
    assert part in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert (audit.main(["--help"]), audit.main([])) == (0, 2)
    assert "data.root=FOLDER" in capsys.readouterr().out
