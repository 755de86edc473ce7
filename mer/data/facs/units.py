"""Define action units: `ACTION_UNITS` gives the place, direction, amount and extent of the motion of each unit.

Contract: a unit is a sum of bumps. A bump is a Gaussian of displacement at a landmark, given for the right half of the
image and mirrored to the other half. Displacements are those of intensity 1.0, the strongest contraction in
micro-expressions (2 to 4 mm, about FACS level C), and scale with the intensity. Directions and places follow the
appearance changes in the FACS manual. The numbers are our own estimates from its descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Bump:
    """Motion of the skin around a landmark: the displacement falls off as a Gaussian."""

    #: Key of `FaceShape.anchors()`.
    anchor: str
    #: Displacement at the centre at full intensity, face units; +x = away from the midline, +y = down.
    dx: float
    dy: float
    #: Standard deviations of the fall-off, face units.
    sx: float
    sy: float
    #: Whether both sides move in the same direction in the image (gaze), not mirrored.
    parallel: bool = False


@dataclass(frozen=True)
class ActionUnit:
    """One action unit of FACS."""

    code: int
    name: str
    #: Muscle that pulls.
    muscle: str
    #: Visible motion, which is the reason for the places of the bumps.
    reason: str
    bumps: tuple[Bump, ...]
    #: Whether people can contract the muscle on one side only.
    one_sided: bool = False


@dataclass(frozen=True)
class Activation:
    """An active action unit with the intensities, 0..1, of the person's left (image right) and right side."""

    code: int
    left: float
    right: float


_UNITS = (
    ActionUnit(1, "inner brow raiser", "frontalis, medial part",
               "inner brows rise, forehead skin above them follows; the skin between the brows is held",
               (Bump("brow_inner", 0, -0.055, 0.13, 0.15), Bump("forehead", -0.005, -0.028, 0.20, 0.22)),
               one_sided=True),
    ActionUnit(2, "outer brow raiser", "frontalis, lateral part",
               "outer brows rise, the lid fold stretches after them",
               (Bump("brow_outer", 0, -0.055, 0.24, 0.16), Bump("brow_middle", 0, -0.025, 0.2, 0.14)), one_sided=True),
    ActionUnit(4, "brow lowerer", "corrugator, depressor supercilii, procerus",
               "brows come down and together along their length, forehead skin follows, the root of the nose sinks",
               (Bump("brow_inner", -0.026, 0.036, 0.17, 0.13), Bump("brow_middle", -0.024, 0.028, 0.22, 0.14),
                Bump("brow_outer", -0.014, 0.010, 0.20, 0.16), Bump("forehead", -0.008, 0.012, 0.28, 0.22),
                Bump("glabella", 0, 0.016, 0.12, 0.13))),
    ActionUnit(5, "upper lid raiser", "levator palpebrae",
               "upper lids rise and show the white above the iris",
               (Bump("upper_lid", 0, -0.04, 0.18, 0.07),)),
    ActionUnit(6, "cheek raiser", "orbicularis oculi, outer part",
               "cheeks rise, skin at the outer eye is drawn in, the eye narrows, mostly from below",
               (Bump("cheek", -0.004, -0.024, 0.20, 0.16), Bump("eye_outer", -0.016, 0.006, 0.13, 0.12),
                Bump("lower_lid", 0, -0.024, 0.20, 0.07), Bump("upper_lid", 0, 0.018, 0.18, 0.06)), one_sided=True),
    ActionUnit(7, "lid tightener", "orbicularis oculi, inner part",
               "lower lid rises and straightens, the fissure narrows",
               (Bump("lower_lid", -0.006, -0.032, 0.2, 0.08), Bump("upper_lid", 0, 0.014, 0.18, 0.06)), one_sided=True),
    ActionUnit(9, "nose wrinkler", "levator labii superioris alaeque nasi",
               "skin beside the nose is pulled up, wings and upper lip rise, brows sink",
               (Bump("nose_side", -0.004, -0.03, 0.14, 0.18), Bump("nose_wing", 0.004, -0.045, 0.15, 0.13),
                Bump("upper_lip", 0, -0.022, 0.16, 0.1), Bump("brow_inner", -0.01, 0.016, 0.16, 0.12))),
    ActionUnit(10, "upper lip raiser", "levator labii superioris",
               "upper lip rises beside its middle, the furrow deepens, cheek follows",
               (Bump("upper_lip", 0.004, -0.048, 0.18, 0.1),
                Bump("nasolabial", 0.008, -0.032, 0.16, 0.16)), one_sided=True),
    ActionUnit(12, "lip corner puller", "zygomaticus major",
               "corners go up and out along the muscle, the cheek outside the furrow goes with them",
               (Bump("mouth_corner", 0.036, -0.036, 0.16, 0.14), Bump("cheek_low", 0.030, -0.038, 0.18, 0.18),
                Bump("cheek", 0.006, -0.008, 0.22, 0.16)), one_sided=True),
    ActionUnit(14, "dimpler", "buccinator",
               "corners are drawn back, skin beside them is pulled in: both meet in a dimple",
               (Bump("mouth_corner", 0.038, -0.004, 0.14, 0.13),
                Bump("beside_corner", -0.02, 0, 0.13, 0.17)), one_sided=True),
    ActionUnit(15, "lip corner depressor", "depressor anguli oris",
               "corners go down, skin below them bulges downwards",
               (Bump("mouth_corner", 0.008, 0.045, 0.16, 0.13),
                Bump("below_corner", 0.004, 0.02, 0.16, 0.13)), one_sided=True),
    ActionUnit(16, "lower lip depressor", "depressor labii inferioris",
               "lower lip is pulled down and flattened",
               (Bump("lower_lip", 0.004, 0.042, 0.18, 0.12),)),
    ActionUnit(17, "chin raiser", "mentalis",
               "chin boss and lower lip are pushed up",
               (Bump("chin", 0, -0.048, 0.24, 0.15), Bump("lower_lip_middle", 0, -0.032, 0.24, 0.1))),
    ActionUnit(20, "lip stretcher", "risorius, platysma",
               "corners are drawn straight back, cheeks and chin skin flatten",
               (Bump("mouth_corner", 0.048, 0.008, 0.2, 0.17),
                Bump("below_corner", 0.02, 0.01, 0.2, 0.18)), one_sided=True),
    ActionUnit(23, "lip tightener", "orbicularis oris",
               "lips narrow and tighten, corners are drawn in",
               (Bump("mouth_corner", -0.028, 0, 0.14, 0.1), Bump("upper_lip_middle", 0, 0.014, 0.22, 0.07),
                Bump("lower_lip_middle", 0, -0.016, 0.22, 0.08))),
    ActionUnit(24, "lip pressor", "orbicularis oris",
               "lips are pressed together, chin skin rises a little",
               (Bump("upper_lip_middle", 0, 0.024, 0.26, 0.09),
                Bump("lower_lip_middle", 0, -0.034, 0.26, 0.1), Bump("chin", 0, -0.012, 0.2, 0.13))),
    ActionUnit(25, "lips part", "relaxed mentalis or orbicularis oris",
               "lower lip falls, upper lip rises a little",
               (Bump("upper_lip_middle", 0, -0.014, 0.24, 0.08),
                Bump("lower_lip_middle", 0, 0.036, 0.26, 0.11))),
    ActionUnit(26, "jaw drop", "relaxed masseter",
               "the whole lower jaw comes down",
               (Bump("lower_lip_middle", 0, 0.04, 0.34, 0.14), Bump("jaw", 0, 0.055, 0.45, 0.26))),
    ActionUnit(28, "lip suck", "orbicularis oris",
               "lips roll inwards over the teeth and drag the skin after them",
               (Bump("upper_lip_middle", 0, 0.036, 0.28, 0.1),
                Bump("lower_lip_middle", 0, -0.04, 0.28, 0.11), Bump("mouth_corner", -0.012, 0, 0.13, 0.1))),
    ActionUnit(45, "blink", "relaxed levator palpebrae, orbicularis oculi",
               "upper lid falls, lower lid moves in a little, brow gives",
               (Bump("upper_lid", 0, 0.095, 0.2, 0.08), Bump("lower_lid", -0.01, -0.012, 0.18, 0.07),
                Bump("brow_middle", 0, 0.008, 0.25, 0.12))),
    ActionUnit(61, "eyes turn left", "rectus muscles",
               "irises shift to the person's left",
               (Bump("pupil", 0.035, 0, 0.12, 0.06, parallel=True),)),
    ActionUnit(62, "eyes turn right", "rectus muscles",
               "irises shift to the person's right",
               (Bump("pupil", -0.035, 0, 0.12, 0.06, parallel=True),)),
    ActionUnit(63, "eyes up", "rectus muscles",
               "irises and upper lids rise",
               (Bump("pupil", 0, -0.03, 0.13, 0.07), Bump("upper_lid", 0, -0.018, 0.18, 0.06))),
    ActionUnit(64, "eyes down", "rectus muscles",
               "irises sink, upper lids follow",
               (Bump("pupil", 0, 0.03, 0.13, 0.07), Bump("upper_lid", 0, 0.035, 0.18, 0.07))),
    ActionUnit(80, "swallow", "muscles of the floor of the mouth",
               "the throat rises, chin and lower lip are drawn up slightly",
               (Bump("throat", 0, -0.05, 0.4, 0.2), Bump("chin", 0, -0.015, 0.26, 0.16),
                Bump("lower_lip_middle", 0, -0.01, 0.24, 0.1))),
)  # fmt: skip

#: Action unit by its FACS code.
ACTION_UNITS: dict[int, ActionUnit] = {unit.code: unit for unit in _UNITS}


def au_text(activations: Iterable[Activation]) -> tuple[str, ...]:
    """Return the active units in a coder's notation, sorted by code: `4`, or `L12`, `R14` if one side acts alone."""
    words = []
    for activation in sorted(activations, key=lambda item: item.code):
        if activation.left > 0 or activation.right > 0:
            side = "R" if activation.left == 0 else "L" if activation.right == 0 else ""
            words.append(f"{side}{activation.code}")
    return tuple(words)
