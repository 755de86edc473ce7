"""The motion of a face is measured on the very part of the face that the prior draws, however the head stands."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mer.config import InputConfig, SyntheticData
from mer.data import facs
from mer.data.motion_prior import smooth_maps, total_variation_maps
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import ClipSpec, Movement, Pose, render_frame
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.video.faces.aligned_motion import VIEW, face_pair, motion_map, network_input, view_crop

CONFIG = InputConfig(representation="flow", stabilise=True)
#: Place, size and roll of the head, its motion until the apex times five, and the side of the frame.
HEADS = [
    (Pose(), Pose(), 128),
    (Pose(0.1, -0.1, 0.3, 0.8), Pose(0.03, 0.02, 0.02, 1.02), 224),
    (Pose(-0.1, 0.1, -0.2, 0.9), Pose(), 160),
]


def clip(unit: int, head: Pose, drift: Pose, size: int) -> ClipSpec:
    """A clip of an average face that shows one unit on both sides, without noise."""
    data = SyntheticData("synthetic", subjects=6, clips=6, size=size, difficulty=0, seed=3)
    one = design_clips(data)[0]
    shown = Movement(facs.Activation(unit, 1.0, 1.0), 1, 21, 41)
    return replace(
        one,
        person=replace(one.person, shape=facs.AVERAGE),
        onset=1,
        apex=21,
        offset=41,
        expression=(shown,),
        irrelevant=(),
        pose=head,
        drift=drift,
        noise=0.0,
        flicker=0.0,
    )


def measured(one: ClipSpec) -> np.ndarray:
    frames = (render_frame(one, number) for number in (one.onset, one.apex))
    places = (one.face_to_pixels(number) for number in (one.onset, one.apex))
    return motion_map(face_pair(*frames, *places), CONFIG)


def centre(motion: np.ndarray) -> np.ndarray:
    """Centre (x, y) of where the right half of a map moves most, pixels of 28."""
    energy = np.hypot(motion[0], motion[1])
    energy = np.where(energy > 0.4 * energy.max(), energy, 0)
    energy[:, : energy.shape[1] // 2] = 0
    y, x = np.mgrid[: energy.shape[0], : energy.shape[1]]
    return np.array([(x * energy).sum(), (y * energy).sum()]) / energy.sum()


def drawn(unit: int) -> np.ndarray:
    none = smooth_maps.SmoothNoise(variety=0, crop=0, shift=0, affine=0, noise=0, fading=0, patches=0)
    units = [facs.Activation(unit, 1.0, 1.0)]
    return smooth_maps.motion_map(units, 28, np.random.default_rng(0), view=VIEW, disturbance=none)


@pytest.mark.parametrize("unit", [1, 4, 12, 17])
@pytest.mark.parametrize(("head", "drift", "size"), HEADS)
def test_a_unit_lies_where_the_prior_draws_it(unit: int, head: Pose, drift: Pose, size: int) -> None:
    found, expected = measured(clip(unit, head, drift, size)), drawn(unit)
    assert np.abs(centre(found) - centre(expected)) == pytest.approx([0, 0], abs=1.0)  # half of one of 14 cells
    assert np.corrcoef(np.hypot(*found[:2]).ravel(), np.hypot(*expected[:2]).ravel())[0, 1] > 0.9
    # not only the place: direction and amount in pixels of the map, of which flow loses a part
    gain = np.vdot(found[:2], expected[:2]) / np.vdot(expected[:2], expected[:2])
    assert 0.7 < gain < 1.1


def test_the_places_would_differ_with_another_view() -> None:
    """The view of whole drawn frames, half a face unit wider: the test above can fail."""
    one = clip(12, *HEADS[0])
    pair = {
        name: view_crop(render_frame(one, number), one.face_to_pixels(number), facs.View(0.0, 0.5, 2.5, 2.5), 128)
        for name, number in (("onset", one.onset), ("apex", one.apex))
    }
    assert np.abs(centre(motion_map(pair, CONFIG)) - centre(drawn(12))).max() > 1.0


def test_the_view_is_that_of_both_families() -> None:
    for own in (smooth_maps.CROP, total_variation_maps.CROP):
        for name in ("x", "y", "width", "height"):
            assert abs(getattr(VIEW, name) - getattr(own, name)) < 0.07  # one deviation of what is drawn


def test_a_crop_shows_what_its_grid_says() -> None:
    y, x = np.mgrid[:90, :120].astype(np.float32)
    place = np.array([[20.0, 5.0, 60.0], [-5.0, 20.0, 30.0]])
    points = VIEW.grid(16).reshape(2, -1)
    expected = (place[:, :2] @ points + place[:, 2:]).reshape(2, 16, 16)
    assert view_crop(x, place, VIEW, 16) == pytest.approx(np.clip(expected[0], 0, 119), abs=0.05)
    assert view_crop(y, place, VIEW, 16) == pytest.approx(np.clip(expected[1], 0, 89), abs=0.05)


@pytest.mark.parametrize("middle", [(200.0, 150.0), (20.0, 260.0), (-900.0, 150.0)])
def test_a_shrunk_crop_is_that_of_the_whole_blurred_frame(middle: tuple[float, float]) -> None:
    frame = np.random.default_rng(2).integers(0, 256, (300, 400)).astype(np.uint8)
    place = np.column_stack([70.0 * np.array([[0.98, -0.2], [0.2, 0.98]]), middle])
    view, step = facs.View(0.0, 0.55, 2.4, 2.4), 0.05
    corner = np.array([-1.2, 0.55 - 1.2]) + step / 2
    finest = step * 70.0 * np.hypot(0.98, 0.2)
    blurred = cv2.GaussianBlur(frame, (0, 0), 0.5 * np.sqrt(finest**2 - 1))
    matrix = np.column_stack([place[:, :2] * step, place[:, :2] @ corner + place[:, 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(blurred, matrix, (48, 48), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    found = view_crop(frame, place, view, 48)
    assert np.abs(found.astype(int) - expected).max() <= 2


def test_inputs_are_those_of_the_flow_pipeline() -> None:
    one = clip(12, *HEADS[0])
    pair = face_pair(*(render_frame(one, n) for n in (1, 21)), *(one.face_to_pixels(n) for n in (1, 21)))
    for name in ("flow", "flow_uv"):
        config = replace(CONFIG, representation=name)
        expected = REPRESENTATIONS[name].compute(pair, config)
        assert network_input(pair, config, motion_map(pair, config)) == pytest.approx(expected, abs=1e-4)
