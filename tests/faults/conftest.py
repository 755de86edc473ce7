"""Say at the end of a session how many faults were injected, by kind, and after how many everything held."""

from __future__ import annotations

from collections import Counter

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    kind = getattr(getattr(item, "function", None), "kind", None)
    if kind is not None:
        item.user_properties.append(("fault", kind))  # stands in the report, which worker processes send


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    injected: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            if report.when == "call":
                kinds = [value for name, value in report.user_properties if name == "fault"]
                injected.update(kinds)
                held.update(kinds if outcome == "passed" else [])
    if not injected:
        return
    terminalreporter.section("faults injected")
    for kind, count in sorted(injected.items()):
        terminalreporter.write_line(f"{kind:32} {count:4} injected {held[kind]:4} held")
    terminalreporter.write_line(f"{'all':32} {sum(injected.values()):4} injected {sum(held.values()):4} held")
