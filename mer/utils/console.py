"""Print sentences on a terminal as they are."""

from __future__ import annotations

from rich.console import Console


def say(console: Console, text: str, *, style: str | None = None) -> None:
    """Print `text` unchanged: brackets and colons in a path are no markup, the terminal wraps long lines.

    Args:
        console: where to print.
        text: one or more lines.
        style: of rich, e.g. `red`.
    """
    console.print(text, style=style, markup=False, highlight=False, emoji=False, soft_wrap=True)


def say_error(error: object) -> None:
    """Print `mer: ` and an error's text on standard error."""
    say(Console(stderr=True), f"mer: {error}")
