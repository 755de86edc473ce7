"""Compute dense flow from onset to apex by one of several methods, with or without removal of head motion.

Contract: a method takes two grey frames (H, W) float32 of levels 0..255 and returns (2, H, W) float32: u to the right,
v downwards, in pixels, at the pixels of the first frame. `mer benchmark flow` compares the methods with known motion.
"""

from __future__ import annotations

import cv2
import numpy as np

from mer.inputs.flow.head_motion import Flow, remove_head_motion
from mer.inputs.frames.image_files import resize
from mer.utils.registry import Registry
from mer.utils.timing import FLOW, timed

#: Sides between which frames keep their size for flow; others are resized. Measured against the true motion of drawn
#: clips (median correlation of the strain map, 56x56): frames of 384 pixels .57 at a working side of 128, .78 at 224,
#: .77 at 256, .72 at 320; frames of 128 pixels .48 at their own side, .46 at 224, .36 at 256 (growing a frame only
#: magnifies its noise).
FLOW_SIDES = (128, 224)

#: Side of Farneback's averaging window. Error on drawn clips at 128 pixels: .287 at 11, .226 at 15, .175 at 21 pixels.
FARNEBACK_WINDOW = 21


#: Method by `input.flow`: two grey frames -> flow (2, H, W).
METHODS: Registry[Flow] = Registry("flow method")


@METHODS.register("dis")
@timed(FLOW)
def dis(onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
    """Return the flow (2, H, W) by dense inverse search with OpenCV's preset MEDIUM.

    Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016.
    """
    start = np.zeros((*onset.shape, 2), dtype=np.float32)
    field = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(_levels(onset), _levels(apex), start)
    return field.transpose(2, 0, 1)


@METHODS.register("farneback")
@timed(FLOW)
def farneback(onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
    """Return the flow (2, H, W) from local quadratic fits over 7 pixels, with five levels and Gaussian windows.

    Source: Farneback, Two-Frame Motion Estimation Based on Polynomial Expansion, SCIA 2003; OpenCV's implementation.
    """
    gaussian = cv2.OPTFLOW_FARNEBACK_GAUSSIAN
    start = np.zeros((*onset.shape, 2), dtype=np.float32)
    field = cv2.calcOpticalFlowFarneback(
        _levels(onset), _levels(apex), start, 0.5, 5, FARNEBACK_WINDOW, 5, 7, 1.5, gaussian
    )
    return field.transpose(2, 0, 1)


@METHODS.register("tvl1")
@timed(FLOW)
def total_variation(onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
    """Return the flow (2, H, W) by TV-L1 (`mer.inputs.flow.tvl1`, which takes batches)."""
    import torch  # takes seconds, and only this method needs it

    from mer.inputs.flow.tvl1 import tvl1

    first, second = (torch.from_numpy(np.ascontiguousarray(frame, dtype=np.float32))[None] for frame in (onset, apex))
    return tvl1(first, second)[0].numpy()


def dense_flow(onset: np.ndarray, apex: np.ndarray, *, method: str = "dis", stabilise: bool = False) -> np.ndarray:
    """Return the flow u (right), v (down), (2, S, S) float32 in pixels of the working side S within `FLOW_SIDES`.

    Args:
        onset: grey frame (H, W) float32, levels 0..255.
        apex: grey frame of the same size.
        method: key of `METHODS`.
        stabilise: whether to remove the motion of the head first, a similarity fitted to the flow. It is fitted to DIS
            for every method, since the fit averages their differences out.
    """
    side = int(np.clip(max(onset.shape), *FLOW_SIDES))
    if max(onset.shape) != side or onset.shape[0] != onset.shape[1]:
        onset, apex = resize(onset, side), resize(apex, side)
    if stabilise:
        apex = remove_head_motion(onset, apex, dis)
    return METHODS[method](onset, apex)


def _levels(grey: np.ndarray) -> np.ndarray:
    """Return grey levels rounded to uint8, as OpenCV's flow methods need them."""
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)
