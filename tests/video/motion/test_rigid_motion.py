import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mer.video.motion.face_regions import CELLS, PATCHES, STEADY, VIEW
from mer.video.motion.rigid_motion import PARTS, PATCH_MOTION, head_motion, relief


def flow_of(motion: np.ndarray) -> np.ndarray:
    """Return the flow (CELLS * CELLS, 2) of a head by a slow loop over cells."""
    grid = VIEW.grid(CELLS).reshape(2, -1).T
    tx, ty, size, roll, yaw, pitch = motion
    flow = []
    for x, y in grid:
        z = float(relief(np.array(x), np.array(y))) - 0.7
        flow.append((tx + size * x - roll * y + yaw * z, ty + size * y + roll * x + pitch * z))
    return np.array(flow)


@settings(max_examples=30)
@given(arrays(float, len(PARTS), elements=st.floats(-0.2, 0.2)))
def test_the_motion_of_a_head_comes_back(motion: np.ndarray) -> None:
    assert head_motion(flow_of(motion)) == pytest.approx(motion, abs=1e-6)


def test_a_fifth_of_cells_that_move_by_themselves_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    motion = rng.uniform(-0.1, 0.1, len(PARTS))
    flow = flow_of(motion) + rng.normal(0, 0.0005, (CELLS * CELLS, 2))
    own = rng.choice(np.flatnonzero(STEADY), STEADY.sum() // 5, replace=False)
    flow[own] += 0.05
    assert head_motion(flow) == pytest.approx(motion, abs=0.005)
    assert np.abs(_least_squares(flow) - motion).max() > 0.01


def _least_squares(flow: np.ndarray) -> np.ndarray:
    design = np.stack([flow_of(one) for one in np.eye(len(PARTS))], axis=2)[STEADY].reshape(-1, len(PARTS))
    return np.linalg.lstsq(design, flow[STEADY].ravel(), rcond=None)[0]


def test_patches_move_with_the_head() -> None:
    motion = np.array([0.1, -0.05, 0.02, 0.03, 0.15, -0.1])
    assert PATCH_MOTION @ motion == pytest.approx(np.einsum("pc,ck->pk", PATCHES, flow_of(motion)))


def test_a_raise_of_both_brows_is_no_motion_of_the_head() -> None:
    x, y = VIEW.grid(CELLS).reshape(2, -1)
    raised = np.stack(
        [0 * x, -0.05 * np.exp(-0.5 * (((np.abs(x) - 0.5) / 0.25) ** 2 + ((y + 0.38) / 0.15) ** 2))], axis=1
    )
    assert np.abs(head_motion(raised)).max() < 0.005
