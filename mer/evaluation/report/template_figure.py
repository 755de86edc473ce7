"""Draw the templates of a template classifier: one row a class, one column a template.

Contract: pure function of arrays; matplotlib through its objects, so that no global state, display or backend is
touched.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine


def template_figure(templates: npt.NDArray, classes: Sequence[str]) -> Figure:
    """Picture of templates (K, J, C, H, W) of K classes.

    Of two or three channels the first two are motion to the right and downwards, drawn as arrows, the third is strain,
    drawn below them: blue where it counts for the class, red where against it. Other channels are drawn as their mean.
    """
    rows, columns, channels, height, width = templates.shape
    figure = Figure(
        figsize=(0.35 + 1.6 * columns, 0.1 + 1.65 * rows), dpi=100, layout=ConstrainedLayoutEngine(), facecolor="white"
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False)
    motion = channels in (2, 3)
    ground = templates[:, :, 2] if channels == 3 else 0 * templates[:, :, 0] if motion else templates.mean(axis=2)
    reach = max(float(np.quantile(np.abs(ground), 0.99)), 1e-12)
    # the longest arrows but one percent are two cells long, so that neighbours can be told apart
    scale = max(float(np.quantile(np.hypot(templates[:, :, 0], templates[:, :, 1]), 0.99)), 1e-12) / 2 if motion else 1
    for (row, column), axes in np.ndenumerate(grid):
        axes.imshow(ground[row, column], cmap="RdBu", vmin=-1.6 * reach, vmax=1.6 * reach)
        if motion:
            u, v = templates[row, column, :2]
            # y runs downwards in the picture as v does
            x, y = np.meshgrid(np.arange(width), np.arange(height))
            axes.quiver(x, y, u, v, angles="xy", scale_units="xy", scale=scale, width=0.008)
        axes.set_xticks([])
        axes.set_yticks([])
        if column == 0:
            axes.set_ylabel(classes[row], fontsize=11)
    return figure
