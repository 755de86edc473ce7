"""Compute the F1 of spotting as the challenge's public script does, to compare with published numbers: `script_f1`.

Contract: differs from our own score in three ways, all of which are kept. (1) A subject without any spotted interval is
left out, so that spotting nothing on a hard person raises the score. (2) A video without a true interval is left out,
so that false alarms there cost nothing. (3) One spotted interval is a hit for each true interval that it overlaps by
half, in the order of the rows, and later ones of the same true interval are false alarms. Written from a description.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mer.evaluation.spotting.matching import KINDS, LEAST_IOU, overlaps, spans_of


def script_f1(truth: pd.DataFrame, found: pd.DataFrame, videos: pd.DataFrame, kinds: tuple[str, ...] = KINDS) -> float:
    """Return the script's F1, 0 where nothing is right.

    Arguments as of `mer.evaluation.spotting.matching.match_intervals`. The script knows no kinds; each counts by itself
    here and their counts are summed.
    """
    subject = dict(zip(videos["video"], videos["subject"], strict=True))
    hits = alarms = missed = 0
    for kind in kinds:
        true, said = (table[table["kind"] == kind] for table in (truth, found))
        people = {subject[video] for video in said["video"]}
        for video, own in true.groupby("video", sort=False):
            if subject[video] not in people:
                continue
            close = overlaps(spans_of(own), spans_of(said[said["video"] == video])) >= LEAST_IOU
            taken = np.zeros(len(own), dtype=bool)
            for column in close.T:
                new = column & ~taken
                hits += int(new.sum())
                alarms += not new.any()
                taken |= new
            missed += int((~taken).sum())
    return 2 * hits / (2 * hits + alarms + missed) if hits else 0.0
