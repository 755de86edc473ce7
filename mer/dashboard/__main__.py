"""Command `mer dashboard`: show runs together, as a static page or in W&B.

mer dashboard RUN ... --html PAGE     one page from the folders of runs or sweeps; no account, no network
mer dashboard --project mer           a workspace and a report of W&B (`pip install 'mer[dashboard]'`, `wandb login`)
mer dashboard --json FILE             what would be sent to W&B, as a file; no account, no network
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from mer.cli import guarded
from mer.errors import MerError
from mer.utils.atomic_files import write_json
from mer.utils.console import say


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(
        prog="mer dashboard", description="Show runs together: as a static page, or in W&B (extra mer[dashboard])."
    )
    found.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="folder of a run or of a sweep, for --html")
    found.add_argument("--html", type=Path, metavar="PAGE", help="write a static page from the folders of the runs")
    found.add_argument("--project", default="mer", help="W&B: project of the runs (default mer)")
    found.add_argument("--entity", default="", help="W&B: team or user that owns it; default that of the account")
    found.add_argument("--json", type=Path, metavar="FILE", help="W&B: write what would be sent, and send nothing")
    return found


@guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `mer dashboard`."""
    given, console = parser().parse_args(arguments), Console()
    if given.html is not None:
        say(console, f"dashboard: {page(given.runs, given.html).resolve()}")
        return 0
    if given.runs:
        parser().error("RUN ...: only --html PAGE reads folders; W&B shows what was logged to the project")
    if find_spec("wandb_workspaces") is None:
        raise MerError("a dashboard in W&B needs the package wandb-workspaces: pip install 'mer[dashboard]'")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    from mer.dashboard import workspace

    if given.json is not None:
        made = workspace.workspace(given.entity, given.project), workspace.report(given.entity, given.project)
        write_json(given.json, {"workspace": workspace.serialised(made[0]), "report": workspace.serialised(made[1])})
        say(console, f"workspace and report: {given.json.resolve()}")
        return 0
    for url in push(given.entity, given.project):
        say(console, url)
    return 0


def page(paths: Sequence[Path], target: Path) -> Path:
    """Write the static page of the runs in these folders; return its path."""
    from mer.dashboard.page import write_dashboard
    from mer.evaluation.comparison.runs import read_run, run_folders
    from mer.evaluation.comparison.unit_comparison import of_units

    if not paths:
        raise MerError("expected folders of runs or sweeps, got none: mer dashboard RUN ... --html PAGE")
    runs = [read_run(folder) for path in paths for folder in run_folders(path)]
    if of_units(runs):
        raise MerError("runs on action units have a page of their own: mer compare RUN RUN")
    return write_dashboard(target, runs)


def push(entity: str, project: str) -> list[str]:
    """Save workspace and report in W&B; return their addresses. Raises MerError without an account or network."""
    import wandb

    from mer.dashboard import workspace

    try:
        owner = entity or str(wandb.Api().default_entity)
        made = workspace.workspace(owner, project), workspace.report(owner, project)
        return [one.save().url for one in made]
    except Exception as error:  # of many kinds: no key, no network, no such project
        raise MerError(
            f"W&B did not take the dashboard ({' '.join(str(error).split())}); it needs an account (wandb login), a "
            "network and the project. Without them: --html PAGE RUN ..., or --json FILE"
        ) from error


if __name__ == "__main__":
    sys.exit(main())
