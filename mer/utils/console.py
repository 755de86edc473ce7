"""Print text with `say` and errors with `say_error`, without interpreting markup."""

from __future__ import annotations

from rich.console import Console

from mer.errors import sentence


def say(console: Console, text: str, *, style: str | None = None) -> None:
    """Print `text` unchanged; brackets and colons in a path are not markup, and the terminal wraps long lines.

    Args:
        console: the console to print on.
        text: one or more lines.
        style: a style of rich, e.g. `red`.
    """
    console.print(text, style=style, markup=False, highlight=False, emoji=False, soft_wrap=True)


def say_error(error: BaseException | str) -> None:
    """Print `mer: ` and the text of an error on standard error."""
    say(Console(stderr=True), f"mer: {error if isinstance(error, str) else sentence(error)}")
