"""Describe samples and folds in results, for classes and for action units.

Contract: plain JSON values, computed from the table of samples and that of folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mer.config import Config
from mer.data.samples.table import SampleTable
from mer.evaluation.metrics import rounded
from mer.protocols.registry import Fold, protocol_notes
from mer.provenance import config_hash

__all__ = ["data_facts", "error_line", "run_facts"]


def error_line(text: str) -> str:
    """Return the exception line of a traceback, or the first line of another error text."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return "no message"
    frames = [place for place, line in enumerate(lines) if line.startswith("  File ")]
    # the exception stands on the first line that is not indented below the last frame; its message may go on beneath
    below = lines[frames[-1] + 1 :] if frames else lines
    return next((line.strip() for line in below if not line[0].isspace()), lines[-1].strip())


def data_facts(table: SampleTable, predictions: pd.DataFrame) -> dict[str, Any]:
    """Return name, samples, scored samples, subjects, and counts by class and data set."""
    counts = table.counts()
    return {
        "name": table.name,
        "samples": len(table),
        "scored": len(predictions),
        "subjects": int(table.subjects.nunique()),
        "counts": {str(row): {str(col): int(counts.loc[row, col]) for col in counts.columns} for row in counts.index},
    }


def failed_folds(folds: pd.DataFrame) -> list[dict[str, str]]:
    """Return every unfinished fold in the order of the table, with its error line."""
    rows = folds[folds["status"] != "done"].to_dict("records")
    return [
        {
            "fold": str(row["fold"]),
            "status": str(row["status"]),
            "error": error_line(row["error"]) if isinstance(row["error"], str) and row["error"] else "not trained yet",
        }
        for row in rows
    ]


def total_of(folds: pd.DataFrame, column: str) -> float:
    """Return the sum of seconds over folds; failed folds have none."""
    return round(float(pd.to_numeric(folds[column]).sum()), 3)


def mean_of(folds: pd.DataFrame, column: str) -> float | None:
    """Return the mean over the folds that have the number; None if none has."""
    return rounded(float(pd.to_numeric(folds[column]).mean())) if column in folds else None


def chosen_candidates(folds: pd.DataFrame) -> dict[str, int]:
    """Return how many folds selected each candidate of a nested search, most first; empty without a search."""
    if "candidate" not in folds:
        return {}
    return {str(line): int(count) for line, count in folds["candidate"].value_counts().items()}


def run_facts(
    table: SampleTable, folds: pd.DataFrame, *, splits: Sequence[Fold], config: Config, parameters: int, data_hash: str
) -> dict[str, Any]:
    """Return what the results of every task say of a run; arguments as of `results.summarise`."""
    return {
        "experiment": config.name,
        "synthetic": table.synthetic,
        "null": config.null,
        "protocol": {"name": config.protocol.name, "folds": len(splits), "validation": config.protocol.validation},
        "input": config.input.representation,
        "parameters": parameters,
        "validation_uf1": mean_of(folds, "validation_uf1"),
        "candidates": chosen_candidates(folds),
        "failed_folds": failed_folds(folds),
        "notes": [*table.notes, *protocol_notes(table, config.protocol, list(splits))],
        "seconds": total_of(folds, "seconds"),
        "train_seconds": total_of(folds, "train_seconds"),
        "seed": config.seed,
        "config_hash": config_hash(config),
        "data_hash": data_hash,
    }
