"""Spotting scores: hand-counted cases, every matching tried, sets of frames for overlaps, the script's three habits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from mer.errors import MerError
from mer.evaluation.spotting.matching import match_intervals, match_spans, overlaps
from mer.evaluation.spotting.public_script import script_f1
from mer.evaluation.spotting.scores import (
    analysis_f1,
    bootstrap,
    f1,
    precision,
    recall,
    spot_then_recognise,
    spotting_table,
)

SPANS = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 12)), max_size=5).map(
    lambda items: np.array([(start, start + length) for start, length in items], np.int64).reshape(-1, 2)
)


def table(*rows: tuple) -> pd.DataFrame:
    """Intervals (video, onset, offset[, kind[, label]])."""
    filled = [row + ("micro", "positive")[len(row) - 3 :] for row in rows]
    return pd.DataFrame(filled, columns=["video", "onset", "offset", "kind", "label"])


def videos(*names: str, seconds: float = 30.0) -> pd.DataFrame:
    """One subject a first letter."""
    return pd.DataFrame({"video": names, "subject": [name[0] for name in names], "seconds": seconds})


@settings(max_examples=60, deadline=None)
@given(truth=SPANS, found=SPANS)
def test_overlap_is_that_of_the_sets_of_frames(truth: np.ndarray, found: np.ndarray) -> None:
    got = overlaps(truth, found)
    assert got.shape == (len(truth), len(found))
    for i, (a, b) in enumerate(truth):
        for k, (c, d) in enumerate(found):
            one, other = set(range(a, b + 1)), set(range(c, d + 1))
            assert got[i, k] == pytest.approx(len(one & other) / len(one | other))


@settings(max_examples=100, deadline=None)
@given(truth=SPANS, found=SPANS)
def test_no_matching_has_more_pairs_or_as_many_with_more_overlap(truth: np.ndarray, found: np.ndarray) -> None:
    pairs = match_spans(truth, found)
    assert len({i for i, _, _ in pairs}) == len({k for _, k, _ in pairs}) == len(pairs)
    shares = overlaps(truth, found)
    assert all(shares[i, k] == share >= 0.5 for i, k, share in pairs)

    def best_of(i: int, free: frozenset[int]) -> tuple[int, float]:
        """Try every spotted interval, and none, for true interval i and all after it."""
        if i == len(truth):
            return 0, 0.0
        ways = [best_of(i + 1, free)]
        for k in free:
            if shares[i, k] >= 0.5:
                pairs, total = best_of(i + 1, free - {k})
                ways.append((pairs + 1, total + shares[i, k]))
        return max(ways)

    best = best_of(0, frozenset(range(len(found))))
    assert len(pairs) == best[0]
    assert sum(share for _, _, share in pairs) == pytest.approx(best[1])


def test_taking_the_first_that_fits_would_lose_a_pair() -> None:
    truth = np.array([(0, 9), (5, 14)])
    found = np.array([(2, 11), (0, 8)])  # the first fits both, the second only the first true one
    assert (overlaps(truth, found)[:, 0] >= 0.5).all() and overlaps(truth, found)[1, 1] < 0.5
    assert [(i, k) for i, k, _ in match_spans(truth, found)] == [(0, 1), (1, 0)]


def test_three_pairs_of_half_are_more_than_two_that_are_equal() -> None:
    truth = np.array([(1, 3), (2, 4), (3, 5)])
    found = np.array([(0, 2), (1, 3), (2, 4)])
    assert [(i, k, share) for i, k, share in match_spans(truth, found)] == [(0, 0, 0.5), (1, 1, 0.5), (2, 2, 0.5)]


def test_half_is_enough_and_both_ends_count() -> None:
    assert overlaps(np.array([(10, 19)]), np.array([(10, 14)]))[0, 0] == 0.5
    assert match_spans(np.array([(10, 19)]), np.array([(10, 14)]))
    assert not match_spans(np.array([(10, 19)]), np.array([(10, 13)]))
    assert overlaps(np.array([(3, 3)]), np.array([(3, 3)]))[0, 0] == 1


def hand_counted() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Three people, five videos; the counts are in the test."""
    truth = table(
        ("a1", 10, 29), ("a1", 100, 119), ("a1", 200, 399, "macro"), ("b1", 50, 69), ("b2", 10, 19), ("c1", 1, 20)
    )  # fmt: skip
    found = table(
        ("a1", 12, 31),  # hit
        ("a1", 100, 108),  # 9 of 20 frames: false alarm, and the true one is missed
        ("a1", 200, 399),  # micro where the truth is macro: false alarm
        ("a1", 190, 380, "macro"),  # hit
        ("b1", 50, 69),  # hit
        ("b1", 52, 71),  # the same one again: false alarm
        ("a2", 5, 9),  # a video without truth: false alarm
    )
    return truth, found, videos("a1", "a2", "b1", "b2", "c1")


def test_hand_counted_scores() -> None:
    scores = spotting_table(*hand_counted(), draws=50)
    assert scores.loc["micro", ["tp", "fp", "fn"]].tolist() == [2, 4, 3]
    assert scores.loc["macro", ["tp", "fp", "fn"]].tolist() == [1, 0, 0]
    assert scores.loc["all", ["tp", "fp", "fn"]].tolist() == [3, 4, 3]
    assert scores.loc["all", "precision"] == pytest.approx(3 / 7)
    assert scores.loc["all", "recall"] == pytest.approx(3 / 6)
    assert scores.loc["all", "f1"] == pytest.approx(6 / 13)
    assert scores.loc["all", "false_alarms"] == pytest.approx(4 / 2.5)
    assert scores.loc["all", "f1_low"] < 6 / 13 < scores.loc["all", "f1_high"]


def test_counts_are_summed_by_video_and_subject() -> None:
    truth, found, listed = hand_counted()
    matches = match_intervals(truth, found, listed)
    assert matches.counts.loc["a2", ["tp", "fp", "fn"]].tolist() == [0, 1, 0]
    assert matches.by_subject().tolist() == [[2, 3, 1], [1, 1, 1], [0, 0, 1]]
    assert list(zip(matches.pairs["truth"], matches.pairs["found"], strict=True)) == [(0, 0), (2, 3), (3, 4)]


def test_the_order_and_the_names_of_rows_do_not_matter() -> None:
    truth, found, listed = hand_counted()
    mixed = found.sample(frac=1, random_state=1)
    mixed.index = [7] * len(mixed)
    first, second = spotting_table(truth, found, listed, draws=20), spotting_table(truth[::-1], mixed, listed, draws=20)
    pd.testing.assert_frame_equal(first, second)


def test_the_public_script_leaves_people_and_videos_out_and_counts_one_prediction_twice() -> None:
    truth, found, listed = hand_counted()
    # micro: c has no prediction and is left out, a2 no truth; hits a1, b1; alarms 108, 399, 71; missed a1, b2
    assert script_f1(truth, found, listed, ("micro",)) == pytest.approx(4 / (4 + 3 + 2))
    twins = table(("a1", 10, 29), ("a1", 14, 33))
    assert script_f1(twins, table(("a1", 12, 31)), videos("a1")) == 1.0
    assert f1(match_intervals(twins, table(("a1", 12, 31)), videos("a1")).by_subject().sum(axis=0)) == pytest.approx(
        2 / 3
    )
    assert script_f1(truth, found[:0], listed) == 0.0


def test_leaving_a_person_out_raises_the_scripts_score_and_not_ours() -> None:
    truth = table(("a1", 0, 9), ("b1", 0, 9))
    listed = videos("a1", "b1")
    tried, shy = table(("a1", 0, 9), ("b1", 50, 59)), table(("a1", 0, 9))
    assert script_f1(truth, tried, listed) == 0.5 < script_f1(truth, shy, listed) == 1.0
    ours = [float(f1(match_intervals(truth, part, listed).by_subject().sum(axis=0))) for part in (tried, shy)]
    assert ours == pytest.approx([1 / 2, 2 / 3])


def test_scores_without_anything_are_not_defined() -> None:
    nothing = table()
    scores = spotting_table(nothing, nothing, videos("a1", "b1"), draws=20)
    assert scores[["precision", "recall", "f1"]].isna().all(axis=None)
    assert scores.loc["all", "false_alarms"] == 0 and scores["f1_low"].isna().all()
    counts = np.array([[0, 0, 3], [0, 2, 0]])
    assert np.isnan(precision(counts)).tolist() == [True, False]
    assert np.isnan(recall(counts)).tolist() == [False, True]
    assert f1(counts).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("x9", 1, 2), "no listed video"),
        (("a1", 9, 2), "ends before it begins"),
        (("a1", 1.5, 2), "whole frames"),
        (("a1", float("nan"), 2), "whole frames"),
        (("a1", 1, 2, "blink"), "no known kind"),
    ],
)
def test_a_wrong_interval_is_named(row: tuple, said: str) -> None:
    with pytest.raises(MerError, match=said):
        match_intervals(table(), table(row), videos("a1"))
    with pytest.raises(MerError, match=said):
        match_intervals(table(row), table(), videos("a1"))


def test_a_wrong_list_of_videos_is_named() -> None:
    with pytest.raises(MerError, match="twice"):
        match_intervals(table(), table(), videos("a1", "a1"))
    with pytest.raises(MerError, match="empty cell"):
        match_intervals(table(), table(), videos("a1").assign(subject=None))


@settings(max_examples=60, deadline=None)
@given(cells=st.lists(st.integers(0, 6), min_size=9, max_size=9))
def test_f1_of_analysis_is_that_of_scikit_learn(cells: list[int]) -> None:
    confusion = np.array(cells).reshape(3, 3)
    if not confusion.sum():
        assert np.isnan(analysis_f1(confusion))
        return
    pairs = [(i, k) for i in range(3) for k in range(3) for _ in range(confusion[i, k])]
    truth, said = zip(*pairs, strict=True)
    macro = precision_recall_fscore_support(truth, said, labels=[0, 1, 2], average="macro", zero_division=0)
    p, r = macro[:2]
    assert analysis_f1(confusion) == pytest.approx(2 * p * r / (p + r) if p + r else 0)


def test_spot_then_recognise_by_hand() -> None:
    classes = ("negative", "positive", "surprise")
    truth = table(
        ("a1", 0, 9, "micro", "negative"), ("a1", 20, 29, "micro", "positive"),
        ("b1", 0, 9, "micro", "surprise"), ("b1", 20, 29, "micro", "surprise"),
    )  # fmt: skip
    found = table(
        ("a1", 0, 9, "micro", "negative"), ("a1", 20, 29, "micro", "negative"),
        ("b1", 0, 9, "micro", "surprise"), ("b1", 60, 69, "micro", "surprise"),
    )  # fmt: skip
    matches = match_intervals(truth, found, videos("a1", "b1"))
    scores = spot_then_recognise(matches, truth, found, classes, draws=40, seed=0)
    # three hits of four: F1 3/4; precisions 1/2, 0, 1 and recalls 1, 0, 1
    assert scores["f1"].value == pytest.approx(0.75)
    analysed = 2 * (1 / 2) * (2 / 3) / (1 / 2 + 2 / 3)
    assert scores["analysis_f1"].value == pytest.approx(analysed)
    assert scores["strs"].value == pytest.approx(0.75 * analysed)
    assert scores["uf1"].value == pytest.approx((2 / 3 + 0 + 1) / 3)
    missed = match_intervals(truth, found[:0], videos("a1", "b1"))
    nothing = spot_then_recognise(missed, truth, found[:0], classes, draws=5, seed=0)
    assert nothing["strs"].value == 0 and np.isnan(nothing["uf1"].value)


def test_the_interval_widens_where_people_differ() -> None:
    alike, unlike = np.tile([5, 5, 5], (8, 1)) + np.eye(8, 3, dtype=int), np.array([[10, 0, 0], [0, 10, 10]] * 4)
    widths = []
    for counts in (alike, unlike):
        interval = bootstrap(f1, counts, draws=300, seed=0).interval
        assert interval.low is not None and interval.high is not None
        widths.append(interval.high - interval.low)
    assert widths[0] < 0.1 < 0.3 < widths[1]
    assert bootstrap(f1, unlike[:1], draws=10, seed=0).interval.low is None
