"""Drawn clips whose head drifts: strain beside the moving skin, with the head's motion taken out and left in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from mer.config import SyntheticData
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import GroundTruth, Pose, ground_truth, render_frame
from mer.inputs.flow.dense_flow import dense_flow
from mer.utils.optical_strain import strain

SIZE = 128


@dataclass(frozen=True)
class Drifting:
    """A clip whose head drifts: grey key frames and what is known of them."""

    onset: np.ndarray
    apex: np.ndarray
    truth: GroundTruth

    def strain_beside(self, *, method: str, stabilise: bool) -> float:
        """Mean strain of measured flow on the face, outside what the expression moves."""
        y, x = np.mgrid[:SIZE, :SIZE] / (SIZE - 1) * 2 - 1
        face = (x / 0.6) ** 2 + (y / 0.75) ** 2 < 1
        moving = cv2.dilate(self.truth.mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        field = dense_flow(self.onset, self.apex, method=method, stabilise=stabilise)
        return float(strain(field)[face & ~moving].mean())


@pytest.fixture(scope="module")
def clips() -> list[Drifting]:
    """Drawn clips, camera noise and all, whose head moves 4% of a pupil distance, turns 2.3 degrees, grows by 4%."""
    found = []
    for number, spec in enumerate(
        design_clips(SyntheticData(name="synthetic", subjects=3, clips=6, seed=31, size=SIZE))
    ):
        signs = np.random.default_rng(number).choice([-1.0, 1.0], 4) * 0.04 * 100 / (spec.apex - spec.onset)
        drift = Pose(signs[0], signs[1], signs[2], 1 + signs[3])
        moved = replace(spec, drift=drift, irrelevant=())
        frames = (render_frame(moved, frame).astype(np.float32) for frame in (moved.onset, moved.apex))
        found.append(Drifting(*frames, ground_truth(moved)))
    return found


@pytest.mark.parametrize("method", ["dis", "tvl1"])
def test_strain_outside_moving_regions_falls_five_times(clips: list[Drifting], method: str) -> None:
    left = np.mean([clip.strain_beside(method=method, stabilise=False) for clip in clips])
    taken = np.mean([clip.strain_beside(method=method, stabilise=True) for clip in clips])
    assert taken < left / 5


def test_what_the_expression_moves_stays(clips: list[Drifting]) -> None:
    likeness = []
    for clip in clips:
        found = dense_flow(clip.onset, clip.apex, stabilise=True)[:, clip.truth.mask]
        likeness.append(np.corrcoef(found.ravel(), clip.truth.expression[:, clip.truth.mask].ravel())[0, 1])
    assert np.median(likeness) > 0.8
