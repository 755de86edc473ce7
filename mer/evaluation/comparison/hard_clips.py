"""Find the clips that compared runs get wrong, and whether the runs agree on a wrong class.

Contract: pure functions of runs on the same samples. A clip that every run takes for the same other class is hard to
learn, or labelled otherwise than it looks; which of the two, only someone who watches it can say.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mer.evaluation import caveats
from mer.evaluation.comparison.runs import FinishedRun
from mer.evaluation.predictions import PROBABILITY_PREFIX


def clip_table(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """Return one row per clip, hardest first.

    Columns: sample_id, dataset, subject, label; `right`, in how many runs; `taken_for`, the class predicted most often
    (the first of equally frequent ones in the order of classes); `alike`, in how many runs; `prob_label`, the label's
    probability, mean over runs; `selection`, `null` and `waived`, the marks of all the runs together.
    """
    first = runs[0].predictions.set_index("sample_id")
    predicted = pd.DataFrame(
        {place: run.predictions.set_index("sample_id")["predicted"] for place, run in enumerate(runs)}
    ).loc[first.index]
    votes = pd.DataFrame({name: (predicted == name).sum(axis=1) for name in runs[0].results["classes"]})
    chances = [run.predictions.set_index("sample_id").loc[first.index] for run in runs]
    own = sum(
        pd.Series([row[f"{PROBABILITY_PREFIX}{row['label']}"] for row in part.to_dict("records")], index=part.index)
        for part in chances
    ) / len(runs)
    table = first[["dataset", "subject", "label"]].assign(
        right=predicted.eq(first["label"], axis=0).sum(axis=1),
        taken_for=votes.idxmax(axis=1),
        alike=votes.max(axis=1),
        prob_label=own,
        **caveats.score_flags(*(run.results for run in runs)),
    )
    return table.sort_values(["right", "prob_label"], kind="stable").reset_index()


def hard_clips(table: pd.DataFrame, *, runs: int) -> str:
    """Count the clips of `clip_table` that no run gets right, in a sentence; by data set if there are several."""
    never = table[table["right"] == 0]
    alike = never[never["alike"] == runs]
    text = (
        f"{len(never)} of {len(table)} clips are wrong in each of the {runs} runs, {len(alike)} of them as one and the "
        "same class"
    )
    sets = sorted(table["dataset"].unique())
    if len(sets) > 1:
        parts = (f"{name} {(never['dataset'] == name).sum()} of {(table['dataset'] == name).sum()}" for name in sets)
        text += f" (wrong in each: {', '.join(parts)})"
    return f"{text}."
