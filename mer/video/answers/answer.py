"""Say what moved between two frames of a face, and what it may mean: `answer`.

Contract: a pure function of frames, places and recognisers. Several networks of one task are averaged; `disagreement`
says how far they are apart. A movement of the face is no proof of a feeling, whatever the probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mer.data.facs.emotions import RULE, emotion_of_units
from mer.data.facs.objective_classes import objective_class
from mer.data.synthetic.profiles import PROFILES
from mer.errors import MerError
from mer.video.answers.recognisers import Recogniser, Values
from mer.video.faces.aligned_motion import Maps, Similarity, face_pair, motion_map, network_input

#: Cells a side of the evidence map, and cells a side of the window that is covered at a time.
CELLS, WINDOW = 14, 3


@dataclass(frozen=True)
class Answer:
    """What the networks say of one movement.

    Attributes:
        emotions: probability of each class, summing to 1; empty without a network for them.
        units: probability of each action unit (`AU12`), each for itself; empty without a network for them.
        present: units whose probability reaches the threshold of the card.
        objective_class: class I..VII of the present units by the published table; VII also where none is present.
        emotion_by_units: emotion of the present units by the rule `mer.data.facs.emotions.RULE`; None where none fits.
        agreement: in one sentence, whether units and classes say the same.
        agrees: the same as True or False; None where one of the two says nothing.
        uncertain: whether no class reaches the probability that the card asks for, or the units say another one;
            without classes, whether no unit is present.
        disagreement: standard deviation over networks of each probability; empty with one network a task.
        evidence: (14, 14); by how much the logarithm of the answer's probability falls where motion is covered.
        motion: u (right), v (down), in pixels of the map, and strain: (3, S, S) float32, S = 28 for the packaged prior.
    """

    emotions: Mapping[str, float]
    units: Mapping[str, float]
    present: tuple[str, ...]
    objective_class: str
    emotion_by_units: str | None
    agreement: str
    agrees: bool | None
    uncertain: bool
    disagreement: Mapping[str, float]
    evidence: Values
    motion: Maps

    @property
    def emotion(self) -> str | None:
        """Return the likeliest class, however likely; None without a network for classes."""
        return max(self.emotions, key=lambda name: self.emotions[name]) if self.emotions else None


def answer(
    onset: np.ndarray,
    apex: np.ndarray,
    onset_to_pixels: Similarity,
    apex_to_pixels: Similarity,
    recognisers: Sequence[Recogniser],
) -> Answer:
    """Return what moved from onset to apex. Frames and places as of `aligned_motion.face_pair`.

    Args:
        onset: grey frame (H, W), levels 0..255.
        apex: grey frame.
        onset_to_pixels: from face units to pixels, (2, 3).
        apex_to_pixels: the same of the apex frame.
        recognisers: as `load_recognisers` gives them.
    """
    if not recognisers:
        raise MerError("expected one recogniser or more, got none; load_prior() gives the packaged ones")
    pair = face_pair(onset, apex, onset_to_pixels, apex_to_pixels)
    motions: list[Maps] = []
    for one in recognisers:  # networks with the same input share the flow, which takes most of the time
        known = (motion for other, motion in zip(recognisers, motions, strict=False) if other.input == one.input)
        found = next(known, None)
        motions.append(motion_map(pair, one.input) if found is None else found)
    inputs = [network_input(pair, one.input, motion) for one, motion in zip(recognisers, motions, strict=True)]
    return answer_inputs(inputs, recognisers, motions[0])


def answer_inputs(inputs: Sequence[Maps], recognisers: Sequence[Recogniser], motion: Maps) -> Answer:
    """Return what recognisers say of their inputs (C, S, S) each; `motion` (3, S, S) is handed on."""
    found: dict[bool, tuple[dict[str, float], dict[str, float]]] = {}
    limits: dict[str, float] = {}
    for units in (False, True):
        own = [(one, each) for one, each in zip(recognisers, inputs, strict=True) if one.units == units]
        found[units] = _mean(own)
        limits |= _limits([one for one, _ in own])
    (emotions, spread), (units_found, unit_spread) = found[False], found[True]
    present = tuple(name for name, value in units_found.items() if value >= limits[name])
    numbers = [int(name.removeprefix("AU")) for name in present]
    meant = emotion_of_units(numbers)
    emotion = max(emotions, key=lambda name: emotions[name]) if emotions else None
    agrees, agreement = compare(emotion, tuple(emotions), present, meant)
    return Answer(
        emotions=emotions,
        units=units_found,
        present=present,
        objective_class=objective_class(numbers),
        emotion_by_units=meant,
        agreement=agreement,
        agrees=agrees,
        uncertain=not present if emotion is None else agrees is False or emotions[emotion] < limits[""],
        disagreement={**spread, **unit_spread},
        evidence=evidence(inputs, recognisers, emotion or max(units_found, key=lambda name: units_found[name])),
        motion=motion,
    )


def _mean(own: Sequence[tuple[Recogniser, Maps]]) -> tuple[dict[str, float], dict[str, float]]:
    """Return mean and standard deviation of each probability over networks of one task, by name."""
    if not own:
        return {}, {}
    names = own[0][0].names
    rows = []
    for one, values in own:
        order = [one.names.index(name) for name in names]
        rows.append(one.probabilities(values[None])[0, order])
    mean, spread = np.mean(rows, axis=0), np.std(rows, axis=0)
    several = {} if len(rows) == 1 else dict(zip(names, map(float, spread), strict=True))
    return dict(zip(names, map(float, mean), strict=True)), several


def _limits(own: Sequence[Recogniser]) -> dict[str, float]:
    """Return the threshold of each unit, or under "" that of all classes, means over networks of one task."""
    if not own:
        return {}
    if not own[0].units:
        return {"": float(np.mean([one.calibration["uncertain_below"] for one in own]))}
    names = own[0].names
    return {
        name: float(np.mean([one.calibration["threshold"][one.names.index(name)] for one in own])) for name in names
    }


def compare(
    emotion: str | None, classes: tuple[str, ...], present: Sequence[str], meant: str | None
) -> tuple[bool | None, str]:
    """Return whether the answer of the classes is that of the units by the rule, and a sentence on it."""
    if emotion is None:
        return None, "No network for emotions answered, so there is nothing to compare the action units with."
    if not present:
        return None, f"No action unit is likely enough to compare with {emotion}."
    shown = " + ".join(present)
    if meant is None:
        return None, f"{shown} is no combination of one emotion by {RULE}; the classes say {emotion}."
    by_units = class_of(meant, classes)
    if by_units is None:
        return None, f"{shown} means {meant} by {RULE}, which is none of the classes; they say {emotion}."
    word = meant if by_units == meant else f"{meant} ({by_units})"
    if by_units == emotion:
        return True, f"{shown} means {word} by {RULE}, as the classes say."
    return False, f"{shown} means {word} by {RULE}, but the classes say {emotion}."


def class_of(emotion: str, classes: Sequence[str]) -> str | None:
    """Return the class that an emotion belongs to: itself, or by the label set that has these classes; else None."""
    if emotion in classes:
        return emotion
    for profile in PROFILES.values():
        if set(profile.emotions) == set(classes):
            return next((label for label, mixture in profile.emotions.items() if emotion in mixture), None)
    return None


def evidence(inputs: Sequence[Maps], recognisers: Sequence[Recogniser], name: str) -> Values:
    """Return (14, 14): by how much the log probability of an output falls when a window around a cell shows no motion.

    The mean over the networks that have this output. Positive: what moves there speaks for it.
    """
    total = []
    for one, values in zip(recognisers, inputs, strict=True):
        if name not in one.names:
            continue
        edges = np.linspace(0, values.shape[-1], CELLS + 1).round().astype(int)
        covered = np.repeat(values[None], CELLS**2 + 1, axis=0)
        for cell in range(CELLS**2):
            row, column = divmod(cell, CELLS)
            down, right = (
                slice(edges[max(at - WINDOW // 2, 0)], edges[min(at + WINDOW // 2 + 1, CELLS)]) for at in (row, column)
            )
            covered[cell, :, down, right] = 0
        logs = np.log(np.maximum(one.probabilities(covered)[:, one.names.index(name)], 1e-12))
        total.append((logs[-1] - logs[:-1]).reshape(CELLS, CELLS))
    found: Values = np.mean(total, axis=0)
    return found
