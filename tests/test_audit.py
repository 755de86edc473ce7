"""`python -m mer.audit` as a user meets it, on a drawn tree."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import numpy as np
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


def manifest(folder: Path, *rows: str, header: str = "sample_id,dataset,subject,label,onset,path") -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return path


def test_a_manifest_is_audited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0)
    for clip in range(6):
        base = cv2.resize(noise.uniform(0, 255, (9, 9)), (64, 64))
        for frame in range(2):
            picture = np.clip(base + cv2.resize(noise.normal(0, 30, (9, 9)), (64, 64)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(tmp_path / f"{clip}_{frame}.png"), picture)
    rows = [f"c{k},mine,p{k % 3},{('a', 'b[/c]')[k % 2]},{k}_0.png,{k}_1.png" for k in range(6)]
    given = [f"data.manifest={manifest(tmp_path, *rows)}", "data=manifest"]
    assert audit.main(given) == 0
    shown = capsys.readouterr().out
    assert "mine.csv: 6 clips of 3 subjects, 12 frames" in shown and "no findings" in shown and "b[/c]" in shown
    (tmp_path / "1_1.png").write_bytes((tmp_path / "1_1.png").read_bytes()[:50])
    cv2.imwrite(str(tmp_path / "2_1.png"), np.zeros((32, 64), np.uint8))
    rows[4] = "c4,mine,p1,a,4_1.png,4_1.png"
    rows.append("c6,mine,p2,a,0_0.png,0_1.png")
    assert audit.main([*given, f"data.manifest={manifest(tmp_path, *rows)}", "--json"]) == 2  # a run refuses it too
    found = json.loads(capsys.readouterr().out)
    assert "1 key frames cannot be read" in found["unusable"] and "1_1.png" in found["unusable"]
    kinds = {(finding["kind"], finding["where"]) for finding in found["findings"]}
    assert kinds == {("unreadable", "c1"), ("size", "c2"), ("apex", "c4"), ("copy", "c6")}
    assert audit.main([*given, f"data.manifest={manifest(tmp_path, rows[0], rows[0])}"]) == 2
    assert "expected each id once" in capsys.readouterr().out
    assert audit.main(["data=manifest", "data.manifest=/nowhere.csv"]) == 2


def test_one_person_under_two_ids_is_found_as_by_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = []
    for clip, person in enumerate(("s1", "s01", "1.0", "\uff53\uff11")):
        noise = np.random.default_rng(clip).uniform(0, 255, (9, 9))
        cv2.imwrite(str(tmp_path / f"{clip}.png"), cv2.resize(noise, (64, 64)).astype(np.uint8))
        rows.append(f"c{clip},mine,{person},{'ab'[clip % 2]},,{clip}.png")
    assert audit.main(["data=manifest", f"data.manifest={manifest(tmp_path, *rows)}", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["kind"], found["where"]) == ("person", "mine:s1, mine:s01, mine:\uff53\uff11")
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")  # a terminal that cannot print all names
    monkeypatch.setattr("sys.stdout", narrow)
    assert audit.main(["data=manifest", f"data.manifest={tmp_path / 'mine.csv'}"]) == 1
    narrow.seek(0)
    assert r"mine:s1, mine:s01, mine:\uff53\uff11: spellings of one id" in narrow.read()
