"""Every word of `python -m mer.benchmark` has a module, help and checked arguments."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mer.benchmark.__main__ import COMMANDS, main


@pytest.mark.parametrize("word", COMMANDS)
def test_every_word_has_help(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([word, "--help"])
    assert ended.value.code == 0
    assert f"mer benchmark {word}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        ("flows",),
        ("flow", "--clips", "0"),
        ("faces", "--size", "4"),
        ("video", "--frames", "3"),
        ("inflation", "--draws", "0"),
        ("spotting", "--out", "out", "--size", "161", "120"),
        ("model", "--rounds", "1"),
        ("model", "--depth", "11"),
        ("training", "--side", "20"),
        ("prior", "maps.csv", "--out", "out", "--maps", "0"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_ends_with_status_2(
    wrong: tuple[str, ...], tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    try:
        status = main(list(wrong))
    except SystemExit as ended:
        status = ended.code  # type: ignore[assignment]
    assert status == 2


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom mer.benchmark.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    print({'torch', 'matplotlib', 'cv2'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
