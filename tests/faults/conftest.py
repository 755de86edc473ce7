"""Say at the end of a session how many faults were injected, by kind, and after how many everything held."""

from __future__ import annotations

import pytest

from tests.faults.counts import HELD, INJECTED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not INJECTED:
        return
    terminalreporter.section("faults injected")
    for kind, count in sorted(INJECTED.items()):
        terminalreporter.write_line(f"{kind:32} {count:4} injected {HELD[kind]:4} held")
    terminalreporter.write_line(f"{'all':32} {sum(INJECTED.values()):4} injected {sum(HELD.values()):4} held")
