"""Measure the motion of a face between two frames on the very part of the face that the motion prior draws.

Contract: pure functions. Each frame is cut by its own similarity from face units to pixels, so place, size and roll of
the head do not matter; what is left of the head's motion is removed before flow. A cell of a map shows the same skin as
in a drawn map (tests/video/test_aligned_motion.py).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mer.config import InputConfig
from mer.data.facs.geometry import View
from mer.data.motion_prior import smooth_maps, total_variation_maps
from mer.inputs.flow.dense_flow import FLOW_SIDES
from mer.inputs.representations.motion_maps import measured, standardise_channels
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.utils.optical_strain import strain

_DRAWN = (smooth_maps.CROP, total_variation_maps.CROP)
#: Part of the face that is measured: the mean of the views of the two families of drawn maps.
VIEW = View(*(sum(getattr(view, name) for view in _DRAWN) / 2 for name in ("x", "y", "width", "height")))

Maps = npt.NDArray[np.float32]
Similarity = npt.NDArray[np.float64]


def face_pair(
    onset: np.ndarray, apex: np.ndarray, onset_to_pixels: Similarity, apex_to_pixels: Similarity
) -> dict[str, np.ndarray]:
    """Return both frames cut to `VIEW`, (S, S) float32 each; S is the face's own size within the sides of flow.

    Args:
        onset: grey frame (H, W), levels 0..255.
        apex: grey frame, of any size.
        onset_to_pixels: from face units to pixels of the onset frame, (2, 3), as of `face_finder.face_frame`.
        apex_to_pixels: the same of the apex frame.
    """
    pixels_per_unit = float(np.sqrt(abs(np.linalg.det(onset_to_pixels[:, :2]))))
    side = int(np.clip(round(pixels_per_unit * max(VIEW.width, VIEW.height)), *FLOW_SIDES))
    cut = {"onset": (onset, onset_to_pixels), "apex": (apex, apex_to_pixels)}
    return {name: view_crop(grey, place, VIEW, side).astype(np.float32) for name, (grey, place) in cut.items()}


def view_crop(grey: np.ndarray, to_pixels: Similarity, view: View, size: int) -> np.ndarray:
    """Return what a view shows of a frame (H, W[, 3]), (size, size[, 3]): the pixel centres are those of `View.grid`.

    Args:
        grey: the frame.
        to_pixels: from face units to pixels of the frame, (2, 3).
        view: part of the face.
        size: side of the crop.
    """
    step = np.array([view.width, view.height]) / size
    corner = np.array([view.x - view.width / 2, view.y - view.height / 2]) + step / 2
    linear = to_pixels[:, :2] * step
    matrix = np.column_stack([linear, to_pixels[:, :2] @ corner + to_pixels[:, 2]])
    # shrinking: what is finer than the crop goes first, since the warp interpolates between single pixels
    finest = float(np.sqrt(abs(np.linalg.det(linear))))
    source = grey
    if finest > 1.2:
        # only the part around the face, for large frames take long
        source, shift = _around(grey, matrix, size, margin=4 * finest + 4)
        matrix[:, 2] -= shift
        source = cv2.GaussianBlur(source, (0, 0), 0.5 * np.sqrt(finest**2 - 1))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(source, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _around(grey: np.ndarray, matrix: np.ndarray, size: int, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of a frame to which a crop's pixels are mapped, with a margin, and its corner (x, y)."""
    ends = np.array([[x, y, 1.0] for x in (0, size) for y in (0, size)]) @ matrix.T
    most = np.array(grey.shape[1::-1])
    # a crop beyond the frame repeats the border, which is blurred with what lies inside
    first = np.clip(np.clip(ends.min(axis=0), 0, most - 1) - margin, 0, None).astype(int)
    last = np.ceil(np.clip(np.clip(ends.max(axis=0), 0, most - 1) + margin, None, most)).astype(int)
    return np.ascontiguousarray(grey[first[1] : last[1], first[0] : last[0]]), first


def motion_map(pair: dict[str, np.ndarray], config: InputConfig) -> Maps:
    """Return u (right), v (down) in pixels of the map and their strain, (3, S, S) float32, not standardised.

    Args:
        pair: as `face_pair` gives it.
        config: side S, method of flow and whether the head's motion is removed.
    """
    side = pair["onset"].shape[0]
    field = measured(pair, config) * np.float32(config.size / side)
    return np.concatenate([field, strain(field)[None]]).astype(np.float32)


def network_input(pair: dict[str, np.ndarray], config: InputConfig, motion: Maps) -> Maps:
    """Return the input (C, S, S) of a network; `motion` is the `motion_map` for the configuration."""
    if config.representation == "flow":
        return standardise_channels(motion)
    if config.representation == "flow_uv":
        return standardise_channels(motion[:2])
    return REPRESENTATIONS[config.representation].compute(pair, config)
