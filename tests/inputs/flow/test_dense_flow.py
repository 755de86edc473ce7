"""Flow against known sub-pixel motion, scikit-image's TV-L1, each part alone, and similarities in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.registration import optical_flow_tvl1

from mer.config import AugmentConfig, InputConfig
from mer.inputs.flow.dense_flow import FLOW_SIDES, METHODS, dense_flow
from mer.inputs.flow.head_motion import similarity
from mer.inputs.flow.tvl1 import Parameters, _divergence, _forward, tvl1
from mer.inputs.representations.registry import config_errors
from tests.inputs.conftest import texture

INSIDE = (slice(12, -12), slice(12, -12))


def error(field: np.ndarray, shift: tuple[float, float]) -> float:
    """Mean end-point error away from the border, pixels."""
    return float(np.hypot(field[0] - shift[0], field[1] - shift[1])[INSIDE].mean())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.4, 0.0), (0.0, -0.7), (1.3, 0.6), (-2.5, 1.5)])
def test_every_method_finds_a_known_sub_pixel_shift(method: str, shift: tuple[float, float]) -> None:
    onset, apex = texture(128).astype(np.float32), texture(128, shift=shift).astype(np.float32)
    field = dense_flow(onset, apex, method=method)
    assert field.shape == (2, 128, 128)
    assert error(field, shift) < 0.1


def test_tvl1_is_as_exact_as_that_of_scikit_image() -> None:
    ours, theirs = [], []
    for seed, shift in enumerate([(0.6, 0.2), (-1.4, 0.8), (2.2, -1.7)]):
        onset, apex = (texture(96, shift=by, seed=seed).astype(np.float32) for by in ((0.0, 0.0), shift))
        ours.append(error(METHODS["tvl1"](onset, apex), shift))
        v, u = optical_flow_tvl1(onset / 255, apex / 255)
        theirs.append(error(np.stack([u, v]), shift))
    assert np.mean(ours) < 1.25 * np.mean(theirs) + 0.005


def test_a_batch_gives_what_its_parts_give() -> None:
    frames = torch.stack(
        [torch.from_numpy(texture(48, shift=(k / 3, 0), seed=k % 2).astype(np.float32)) for k in range(4)]
    )
    onset, apex = frames[[0, 1, 2]], frames[[2, 3, 0]]
    quick = Parameters(warps=2, iterations=5)
    whole = tvl1(onset, apex, quick)
    for k in range(3):
        torch.testing.assert_close(whole[k : k + 1], tvl1(onset[k : k + 1], apex[k : k + 1], quick), atol=1e-3, rtol=0)


def test_divergence_is_the_negative_adjoint_of_the_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    flow = torch.randn(2, 2, 7, 9, generator=generator, dtype=torch.float64)
    dual = torch.randn(2, 4, 7, 9, generator=generator, dtype=torch.float64)
    torch.testing.assert_close((_forward(flow) * dual).sum(), -(flow * _divergence(dual)).sum())


@pytest.mark.parametrize("shape", [(64, 64), (128, 128), (200, 150), (480, 640)])
def test_flow_works_on_a_square_between_its_limits(shape: tuple[int, int]) -> None:
    picture = texture(640)[: shape[0], : shape[1]].astype(np.float32)
    field = dense_flow(picture, picture)
    side = min(max(*shape, FLOW_SIDES[0]), FLOW_SIDES[1])
    assert field.shape == (2, side, side)
    np.testing.assert_allclose(field, 0, atol=1e-3)


def test_an_unknown_method_is_a_problem_that_names_the_known_ones() -> None:
    assert config_errors(InputConfig(), AugmentConfig()) == []
    (line,) = config_errors(InputConfig(flow="horn"), AugmentConfig())
    assert line.startswith("input.flow:")
    assert all(name in line for name in METHODS)


def field_of(matrix: np.ndarray, size: int) -> np.ndarray:
    """Motion (2, S, S) of every pixel under a matrix (3, 3)."""
    y, x = np.mgrid[:size, :size].astype(float)
    return np.einsum("ij,jyx->iyx", matrix, np.stack([x, y, np.ones_like(x)]))[:2] - np.stack([x, y])


@pytest.mark.parametrize("seed", range(4))
def test_a_similarity_is_found_exactly_whatever_moves_in_a_third_of_the_face(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angle, scale = rng.uniform(-0.1, 0.1), rng.uniform(0.9, 1.1)
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[c, -s, rng.uniform(-3, 3)], [s, c, rng.uniform(-3, 3)], [0, 0, 1]])
    field, whole = field_of(matrix, 60), np.ones((60, 60), dtype=bool)
    np.testing.assert_allclose(similarity(field, whole), matrix, atol=1e-6)
    field[:, 30:, 20:] += np.array([2.0, -1.0])[:, None, None]  # a third of the pixels
    field += 0.01 * rng.standard_normal(field.shape)
    np.testing.assert_allclose(similarity(field, whole), matrix, atol=0.02)
