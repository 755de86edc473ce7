"""Sentences reach the terminal as they are."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mer.utils.console import say, say_error


def test_brackets_colons_and_long_lines_stay_as_they_are() -> None:
    text = "report: /data/[bold]x[/bold]/:smile:/" + "long folder " * 20
    stream = io.StringIO()
    say(Console(file=stream, width=40), text)
    assert stream.getvalue() == f"{text}\n"


def test_errors_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    say_error(ValueError("no [file]"))
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "mer: no [file]\n")
