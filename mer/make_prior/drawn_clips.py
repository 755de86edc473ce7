"""Draw faces in frames and measure their motion as that of a video is measured: `draw_clips`.

Contract: a function of its arguments. The place of the face is that of the drawing with the errors of a face detector,
so crops are as far off as in a video. These clips calibrate and judge networks that only ever saw drawn maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mer.config import InputConfig, SyntheticData
from mer.data import facs
from mer.data.facs.unit_targets import unit_targets
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import ClipSpec, render_frame
from mer.inputs.cache.threads import thread_map
from mer.utils.seeding import seed_from
from mer.video.answers.answer import class_of
from mer.video.faces.aligned_motion import face_pair, motion_map, network_input

#: (profile, share of the clips, difficulty): other emotions, other faces, easier and harder clips than one set has, and
#: clips in which nothing moves but lids and head.
MIXTURE = (("megc2019", 0.4, 1.0), ("basic_others", 0.2, 0.7), ("casme2", 0.2, 0.5), ("basic_neutral", 0.2, 1.0))
#: Clips that one drawn person shows.
CLIPS_A_PERSON = 5
#: Errors of the detector, standard deviations: place (face units), size (factor), roll (radians); the second value is
#: the part that changes between the two frames.
PLACE, SIZE, ROLL = (0.04, 0.003), (0.03, 0.002), (0.03, 0.002)
#: Level of an irrelevant unit at the apex from which it counts as shown.
SHOWN = 0.3


@dataclass(frozen=True)
class DrawnClips:
    """Inputs of drawn clips with their truth.

    Attributes:
        inputs: (N, C, S, S) float32.
        classes: (N,), index of the class, -1 where none has the emotion.
        units: (N, K) int8, 1 shown, 0 not.
    """

    inputs: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    units: npt.NDArray[np.int8]


def draw_clips(
    count: int, config: InputConfig, *, classes: Sequence[str], units: Sequence[int], seed: int
) -> DrawnClips:
    """Return `count` clips of drawn people.

    Args:
        count: number of clips.
        config: how inputs are made.
        classes: names of the classes.
        units: numbers of K units.
        seed: of people, clips and errors of place.
    """
    specs: list[ClipSpec] = []
    for profile, share, difficulty in MIXTURE:
        clips = round(count * share)
        data = SyntheticData(
            "synthetic",
            clips=clips,
            subjects=max(2, clips // CLIPS_A_PERSON),
            profile=profile,
            difficulty=difficulty,
            seed=seed_from(seed, profile),
        )
        specs += design_clips(data)
    with thread_map(lambda spec: _input(spec, config), specs) as results:
        inputs = np.stack(list(results))
    labels = [class_of(spec.label, classes) for spec in specs]
    return DrawnClips(
        inputs,
        np.array([-1 if label is None else list(classes).index(label) for label in labels]),
        unit_targets(["+".join(facs.au_text(_shown(spec))) for spec in specs], units, drawn=True),
    )


def _shown(spec: ClipSpec) -> list[facs.Activation]:
    """Return the units of the expression, and the irrelevant ones that are there at the apex."""
    irrelevant = [one.activation for one in spec.irrelevant if one.level(spec.apex) > SHOWN]
    return [*(one.activation for one in spec.expression), *irrelevant]


def _input(spec: ClipSpec, config: InputConfig) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed_from(spec.seed, "place"))
    common = rng.standard_normal(4)
    frames, places = [], []
    for number in (spec.onset, spec.apex):
        own = rng.standard_normal(4)
        x, y = (PLACE[0] * a + PLACE[1] * b for a, b in zip(common[:2], own[:2], strict=True))
        size = 1 + SIZE[0] * common[2] + SIZE[1] * own[2]
        roll = ROLL[0] * common[3] + ROLL[1] * own[3]
        cos, sin = size * np.cos(roll), size * np.sin(roll)
        true = spec.face_to_pixels(number)
        linear = true[:, :2] @ np.array([[cos, -sin], [sin, cos]])
        places.append(np.column_stack([linear, true[:, :2] @ np.array([x, y]) + true[:, 2]]))
        frames.append(render_frame(spec, number))
    pair = face_pair(frames[0], frames[1], places[0], places[1])
    return network_input(pair, config, motion_map(pair, config))
