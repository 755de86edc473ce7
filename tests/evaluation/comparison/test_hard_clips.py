from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.evaluation.comparison.hard_clips import clip_table, hard_clips
from mer.evaluation.comparison.runs import FinishedRun

CLASSES = ["negative", "positive", "surprise"]


def run(labels: list[int], predicted: list[int], *, order: np.ndarray, number: int) -> FinishedRun:
    """A run with these predictions, its rows in some order."""
    rows = {
        "sample_id": [f"s{k:02d}" for k in range(len(labels))],
        "dataset": ["a" if k % 2 else "b" for k in range(len(labels))],
        "subject": [str(k // 3) for k in range(len(labels))],
        "label": [CLASSES[k] for k in labels],
        "predicted": [CLASSES[k] for k in predicted],
        **{f"prob_{name}": [0.6 if place == k else 0.2 for k in predicted] for place, name in enumerate(CLASSES)},
    }
    frame = pd.DataFrame(rows).iloc[order].reset_index(drop=True)
    return FinishedRun(Path(str(number)), {"classes": CLASSES}, {}, frame)


@given(st.data())
@settings(deadline=None)
def test_counts_equal_those_of_a_loop(data: st.DataObject) -> None:
    count, many = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 5))
    numbers = st.lists(st.integers(0, 2), min_size=count, max_size=count)
    labels = data.draw(numbers)
    predicted = [data.draw(numbers) for _ in range(many)]
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    runs = [run(labels, one, order=rng.permutation(count), number=k) for k, one in enumerate(predicted)]
    table = clip_table(runs).set_index("sample_id")
    assert len(table) == count and table["right"].is_monotonic_increasing
    for place, label in enumerate(labels):
        row, votes = table.loc[f"s{place:02d}"], [one[place] for one in predicted]
        assert row["label"] == CLASSES[label] and row["right"] == votes.count(label)
        most = max(votes.count(k) for k in range(3))
        assert row["alike"] == most and votes.count(CLASSES.index(row["taken_for"])) == most
        assert np.isclose(row["prob_label"], np.mean([0.6 if vote == label else 0.2 for vote in votes]))
    never = [place for place, label in enumerate(labels) if all(one[place] != label for one in predicted)]
    alike = [place for place in never if len({one[place] for one in predicted}) == 1]
    text = hard_clips(clip_table(runs), runs=many)
    assert text.startswith(f"{len(never)} of {count} clips are wrong in each of the {many} runs, {len(alike)} of them")


def test_data_sets_are_told_apart_where_there_are_several() -> None:
    one = run([0, 0, 1, 1], [1, 0, 0, 1], order=np.arange(4), number=0)
    assert "(wrong in each: a 0 of 2, b 2 of 2)" in hard_clips(clip_table([one]), runs=1)
