"""Casting, frames and ground truth of the synthetic corpus."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mer.config import SyntheticData
from mer.data import facs
from mer.data.synthetic.clip_design import config_errors, design_clips
from mer.data.synthetic.clip_rendering import VIEW, ClipSpec, Pose, ground_truth, render_frame
from mer.data.synthetic.profiles import PROFILES

BASE = SyntheticData(name="synthetic", subjects=6, clips=40, size=96, difficulty=1.0)
EASY = replace(BASE, difficulty=0.0)


@pytest.fixture(scope="module")
def specs() -> list[ClipSpec]:
    return design_clips(BASE)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_profiles_keep_the_uneven_shares_of_the_real_sets(profile: str) -> None:
    made = design_clips(SyntheticData(name="synthetic", profile=profile))
    counts = PROFILES[profile].counts
    seen = Counter(spec.label for spec in made)
    for label, count in counts.items():
        assert abs(seen[label] - 200 * count / sum(counts.values())) <= 2
    owners = defaultdict(set)
    for spec in made:
        owners[spec.label].add(spec.subject)
    assert all(len(people) >= 2 for people in owners.values())
    sizes = Counter(spec.subject for spec in made)
    assert len(sizes) == 20 and min(sizes.values()) <= 2 and max(sizes.values()) >= 20


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_smallest_corpus_shows_every_class_by_two_people(profile: str) -> None:
    classes = PROFILES[profile].counts
    made = design_clips(replace(BASE, profile=profile, subjects=2, clips=2 * len(classes)))
    for label in classes:
        assert len({spec.subject for spec in made if spec.label == label}) == 2


def test_more_clips_change_no_clip_and_more_people_only_take_some(specs: list[ClipSpec]) -> None:
    assert design_clips(replace(BASE, clips=55))[:40] == specs
    grown = design_clips(replace(BASE, subjects=7))
    changed = [new for old, new in zip(specs, grown, strict=True) if old != new]
    assert 0 < len(changed) < 20
    assert all(spec.subject == 6 for spec in changed)
    assert [replace(spec, subject=0, person=specs[0].person) for spec in grown] == [
        replace(spec, subject=0, person=specs[0].person) for spec in specs
    ]


def test_seeds_give_other_people_and_other_clips(specs: list[ClipSpec]) -> None:
    other = design_clips(replace(BASE, seed=1))
    assert not {spec.person for spec in specs} & {spec.person for spec in other}
    assert [spec.onset for spec in specs] != [spec.onset for spec in other]


def test_clips_last_100_to_400_ms_and_emotions_belong_to_their_class(specs: list[ClipSpec]) -> None:
    for spec in specs:
        assert spec.onset < spec.apex < spec.offset and 20 <= spec.offset - spec.onset <= 80
        assert spec.emotion in PROFILES[BASE.profile].emotions[spec.label]
        assert spec.aus == facs.au_text(movement.activation for movement in spec.expression) != ()


def test_nothing_moves_at_onset_and_the_expression_is_strongest_at_the_apex(specs: list[ClipSpec]) -> None:
    for spec in specs:
        assert spec.activations_at(spec.onset) == ()
        for movement in spec.expression:
            levels = [movement.level(frame) for frame in range(spec.onset, spec.offset + 1)]
            assert np.argmax(levels) == spec.apex - spec.onset and max(levels) == 1
            assert levels[-1] <= 0.2


def test_problems_name_the_key_and_what_was_expected() -> None:
    assert config_errors(BASE) == []
    assert "data.profile: expected one of" in config_errors(replace(BASE, profile="emo"))[0]
    found = config_errors(replace(BASE, subjects=1, clips=0, difficulty=-1, size=8, labels="five"))
    keys = ["data.subjects", "data.clips", "data.difficulty", "data.size", "data.labels"]
    assert [line.partition(":")[0] for line in found] == keys
    assert config_errors(replace(BASE, clips=3)) == [
        f"data.clips: expected at least {max(BASE.subjects, 6)}, got 3: one a subject and two a class of megc2019"
    ]


def test_pose_backward_undoes_forward() -> None:
    pose = Pose(0.1, -0.2, 0.3, 1.1)
    points = VIEW.grid(8)
    np.testing.assert_allclose(pose.backward(pose.forward(points)), points, atol=1e-12)


def test_frames_repeat_exactly_and_differ_by_noise_only_at_rest(specs: list[ClipSpec]) -> None:
    spec = specs[0]
    onset = render_frame(spec, spec.onset)
    assert onset.shape == (96, 96) and onset.dtype == np.uint8
    np.testing.assert_array_equal(onset, render_frame(spec, spec.onset))
    still = replace(spec, drift=Pose(), flicker=0.0)
    difference = render_frame(still, spec.onset).astype(float) - render_frame(still, spec.onset - 5)
    assert abs(difference.std() - np.sqrt(2) * spec.noise) < 0.35


@pytest.mark.parametrize("number", [0, 4, 7])
def test_warping_the_apex_back_by_the_true_flow_gives_the_onset(number: int) -> None:
    quiet = replace(design_clips(EASY)[number], noise=0.0, flicker=0.0, drift=Pose(0.02, 0.01, 0.005, 1.0), size=256)
    quiet = replace(quiet, person=replace(quiet.person, glasses=False))
    known = ground_truth(quiet)
    onset, apex = (render_frame(quiet, n).astype(np.float32) for n in (quiet.onset, quiet.apex))
    rows, columns = np.mgrid[:256, :256].astype(np.float32)
    back = cv2.remap(
        apex, columns + known.flow[0], rows + known.flow[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    # the background does not move with the head: compare on the face
    face = np.s_[67:227, 75:181]
    before, after = np.abs(apex - onset)[face].mean(), np.abs(back - onset)[face].mean()
    # what is left is the rounding of two frames to whole grey levels and of one resampling
    assert before > 1.5 and after < 0.25 * before


def test_optical_flow_can_measure_the_motion() -> None:
    solver = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    agreement = []
    for spec in design_clips(EASY)[:12]:
        flow = solver.calc(render_frame(spec, spec.onset), render_frame(spec, spec.apex), None)
        known = ground_truth(spec)
        agreement.append(
            np.corrcoef(flow.transpose(2, 0, 1)[:, known.mask].ravel(), known.flow[:, known.mask].ravel())[0, 1]
        )
    assert np.median(agreement) > 0.85


def test_truth_separates_the_expression_from_the_rest(specs: list[ClipSpec]) -> None:
    spec = next(spec for spec in specs if spec.irrelevant)
    known = ground_truth(spec)
    still = replace(spec, irrelevant=(), drift=Pose())
    bare = ground_truth(replace(still, pose=replace(spec.pose, angle=0.0, scale=1.0)))
    # without head and irrelevant units nothing is left but the expression
    np.testing.assert_allclose(bare.flow, bare.expression, atol=1e-5)
    assert not np.allclose(known.flow, known.expression, atol=0.01)
    np.testing.assert_array_equal(known.mask, ground_truth(still).mask)
    length = np.hypot(*known.expression)
    assert length[known.mask].min() > length[~known.mask].max()


def test_difficulty_fades_the_expression() -> None:
    peaks = [
        np.median([np.abs(ground_truth(spec).expression).max() for spec in design_clips(replace(BASE, difficulty=d))])
        for d in (0.0, 1.0, 2.0)
    ]
    assert peaks[0] > 1.5 * peaks[1] > 2 * peaks[2] > 0
