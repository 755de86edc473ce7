"""Decide whether a run may put its inputs as pictures into what people share.

Contract: faces of participants are shown only where the user asks; licences of the data sets allow pictures of few or
none of them (docs/data/README.md). Maps of motion and drawn people are shown always.
"""

from __future__ import annotations

from mer.inputs.representations.registry import REPRESENTATIONS
from mer.train.experiment.experiment import Experiment


def may_show_inputs(experiment: Experiment, *, asked: bool) -> bool:
    """Return whether pictures of the network's inputs may be shown.

    Args:
        experiment: its representation and samples decide. Drawn samples count as drawn only where all come from one
            data set: a table of several sets is marked synthetic as soon as one of them is.
        asked: the value of `evaluation.pictures` (report) or `logger.media` (W&B).
    """
    table = experiment.table
    drawn = table.synthetic and table.frame["dataset"].nunique() == 1
    return asked or drawn or not REPRESENTATIONS[experiment.config.input.representation].shows_face
