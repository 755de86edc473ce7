"""Define facial motion: action units as displacement fields, emotions as sets of action units.

Call `sample_activations` to draw the units of an emotion and `displacement` to turn them into motion. Contract: numpy
only, pure functions of their arguments and a generator. Coordinates (see `geometry`): origin midway between the pupils,
+x to the right of the image (the person's left), +y down, unit = distance between the pupils. Sources: the Facial
Action Coding System (Ekman, Friesen and Hager 2002) for the motion of each unit; adult proportions (Farkas 1994) for
its place. Other numbers are our own estimates and are marked so.
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
