"""Several networks of one recipe, from different seeds, whose probabilities are averaged (`Config.members`).

Contract: member 0 is the network of the run with one member, to the last bit; member m is that of the run whose seed is
`member_seed(seed, m)`, but for the choice of samples (folds, inner splits), which is one for all members.
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
    """Seed from which all seeds of a member's trainings are derived, `seed` itself for member 0."""
    return seed_from(seed, "member", member) if member else seed


def mean_predictions(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Predictions of the members together: the mean of their probabilities, and the class where it is largest.

    Args:
        frames: one table a member, of the same samples in the same order.
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
    """Content of `members.csv`: the members' predictions one below the other, behind a column with their numbers."""
    parts = [frame.assign(**{MEMBER: member}) for member, frame in enumerate(frames)]
    table = pd.concat(parts, ignore_index=True)
    return table[[MEMBER, *frames[0].columns]]


def merge_records(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Record of a fold from those of its members: the first one's, but for sums of seconds and means of scores.

    With more than one, `members` holds all of them.
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
