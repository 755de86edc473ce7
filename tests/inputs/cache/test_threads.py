"""Bars of work in threads."""

from __future__ import annotations

import pytest

from mer.inputs.cache.threads import with_progress


@pytest.mark.parametrize("name", ["faces of maps[1]", "faces of maps[/b]"])
def test_brackets_in_a_title_are_no_markup(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert list(with_progress(range(2), name, 2, progress=True)) == [0, 1]
    assert name in capsys.readouterr().err
