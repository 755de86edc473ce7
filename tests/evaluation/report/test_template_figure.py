"""The picture of templates shows each where it belongs, its motion in the directions that the picture has."""

from __future__ import annotations

import numpy as np
import pytest

from mer.evaluation.report.template_figure import template_figure


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_row_a_class_and_a_column_a_template(channels: int) -> None:
    templates = np.zeros((2, 3, channels, 14, 14))
    templates[1, 2, :, 3, 5] = 1.0
    axes = template_figure(templates, ("first", "second")).axes
    assert len(axes) == 6 and [one.get_ylabel() for one in axes[::3]] == ["first", "second"]
    shown = np.asarray(axes[5].images[0].get_array())
    assert (shown[3, 5] == 1) == (channels != 2) and not np.asarray(axes[4].images[0].get_array()).any()


def test_arrows_point_as_the_skin_moves() -> None:
    templates = np.zeros((1, 1, 3, 4, 4))
    templates[0, 0, :2, 1, 2] = (0.5, 1.0)  # to the right and downwards
    axes = template_figure(templates, ("one",)).axes[0]
    quiver = axes.collections[0]
    lengths = np.hypot(quiver.U, quiver.V)
    assert quiver.get_offsets()[lengths.argmax()].tolist() == [2, 1]
    assert (quiver.U[lengths.argmax()], quiver.V[lengths.argmax()]) == (0.5, 1.0)
    assert quiver.angles == "xy" and axes.yaxis_inverted()
