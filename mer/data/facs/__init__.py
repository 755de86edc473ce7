"""The one place where facial motion is defined: action units as displacement fields, emotions as rules over them.

Contract: numpy only, pure functions of their arguments and a generator. Coordinates are those of `geometry`: origin
midway between the pupils, +x to the right of the image (the person's left), +y down, unit = distance of the pupils.
Source: the Facial Action Coding System (Ekman, Friesen and Hager 2002) for what each unit moves; adult proportions
(Farkas 1994) for where that is; numbers beyond these are ours and say so where they stand.
"""

from mer.data.facs.emotions import EMOTIONS, EmotionRule, sample_activations, sample_irrelevant
from mer.data.facs.fields import bumps, displacement, moving_mask, region
from mer.data.facs.geometry import AVERAGE, FaceShape, View, random_shape
from mer.data.facs.units import ACTION_UNITS, ActionUnit, Activation, Bump, au_text

__all__ = [
    "ACTION_UNITS",
    "AVERAGE",
    "EMOTIONS",
    "ActionUnit",
    "Activation",
    "Bump",
    "EmotionRule",
    "FaceShape",
    "View",
    "au_text",
    "bumps",
    "displacement",
    "moving_mask",
    "random_shape",
    "region",
    "sample_activations",
    "sample_irrelevant",
]
