"""Average the probabilities of several networks that differ in their seed (`Config.members`).

Contract: member 0 is bit for bit the network of a run with one member. Member m is that of a run with the seed
`member_seed(seed, m)`, but all members have the same folds and inner splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mer.evaluation.diagnostics.ensemble_scores import MEMBER
from mer.evaluation.predictions import PROBABILITY_PREFIX
from mer.utils.seeding import seed_from


def member_seed(seed: int, member: int) -> int:
    """Return the seed from which all seeds of a member are derived; `seed` itself for member 0."""
    return seed_from(seed, "member", member) if member else seed


def mean_predictions(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the members' mean probabilities and the class with the largest one.

    Args:
        frames: one table per member, with the same samples in the same order.
    """
    first = frames[0]
    if len(frames) == 1:
        return first
    names = [str(name) for name in first if str(name).startswith(PROBABILITY_PREFIX)]
    probabilities = np.mean([frame[names].to_numpy() for frame in frames], axis=0)
    table = first.copy()
    table[names] = probabilities
    table["predicted"] = [names[k].removeprefix(PROBABILITY_PREFIX) for k in probabilities.argmax(axis=1)]
    return table


def stack_members(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the content of `members.csv`: the predictions of all members, with their numbers in the first column."""
    parts = [frame.assign(**{MEMBER: member}) for member, frame in enumerate(frames)]
    table = pd.concat(parts, ignore_index=True)
    return table[[MEMBER, *frames[0].columns]]


def merge_records(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the record of a fold: that of the first member, with summed seconds and the mean score of all members.

    With several members, the key `members` holds all records.
    """
    first = records[0]
    if len(records) == 1:
        return first
    scores = [record["validation_uf1"] for record in records]
    return {
        **first,
        "validation_uf1": None if None in scores else sum(scores) / len(scores),
        "train_seconds": sum(record["train_seconds"] for record in records),
        "members": list(records),
    }
