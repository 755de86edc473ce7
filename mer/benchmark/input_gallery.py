"""Draw every input of one drawn clip: `mer benchmark gallery --out docs/inputs`.

Contract: one PNG an input, its channels side by side, made by the functions that make the networks' inputs; the same
command makes the same pictures. Grey levels are shown as they are; signed values with grey for 0.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from mer.config import InputConfig, SyntheticData
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import render_frame
from mer.inputs.flow.magnification import magnify_motion
from mer.inputs.frames.image_files import write_image
from mer.inputs.representations.registry import REPRESENTATIONS

#: Side of each channel in the pictures, pixels.
SHOWN = 168
#: Inputs shown: name of the picture, and how it differs from the defaults.
INPUTS: dict[str, InputConfig] = {
    "apex": InputConfig("apex", 168),
    "difference": InputConfig("difference", 112),
    "flow": InputConfig("flow", 28),
    "flow_tvl1": InputConfig("flow", 28, flow="tvl1"),
    "flow_steady": InputConfig("flow", 28, flow="tvl1", stabilise=True),
    "flow_uv": InputConfig("flow_uv", 28),
    "dynamic": InputConfig("dynamic", 56),
    "stack": InputConfig("stack", 112, frames=6),
    "magnified": InputConfig("apex", 168, magnify=10.0),
    "magnified_difference": InputConfig("difference", 112, magnify=10.0),
}


def pictures(seed: int = 0) -> dict[str, np.ndarray]:
    """Return a picture (S, C * S) uint8 of each of `INPUTS`, for a drawn clip of surprise."""
    data = SyntheticData(name="synthetic", subjects=6, clips=12, seed=seed, size=SHOWN)
    spec = next(spec for spec in design_clips(data) if spec.label == "surprise")
    span = np.stack([render_frame(spec, frame) for frame in range(spec.onset, spec.apex + 1)])
    return {
        name: _shown(_input(span, config), REPRESENTATIONS[config.representation].is_intensity)
        for name, config in INPUTS.items()
    }


def _input(span: np.ndarray, config: InputConfig) -> np.ndarray:
    frames = magnify_motion(span, config) if config.magnify else span
    known = {"onset": frames[0], "apex": frames[-1], "span": frames}
    return REPRESENTATIONS[config.representation].compute(known, replace(config, magnify=0.0))


def _shown(channels: np.ndarray, levels: bool) -> np.ndarray:
    """Return the channels side by side; signed channels are centred at 128 and scaled by their 99th percentile."""
    found = []
    for channel in channels:
        if not levels:
            reach = max(float(np.quantile(np.abs(channel), 0.99)), 1e-6)
            channel = 128 + 127 * channel / reach
        whole = cv2.resize(channel.astype(np.float32), (SHOWN, SHOWN), interpolation=cv2.INTER_NEAREST)
        found.append(np.clip(np.rint(whole), 0, 255).astype(np.uint8))
    return np.concatenate(found, axis=1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder."""
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")


def run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Write the pictures and print their paths."""
    given.out.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures().items():
        write_image(given.out / f"{name}.png", picture)
        print(given.out / f"{name}.png")
