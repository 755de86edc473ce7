"""Recognisers and answers: the packaged networks on drawn clips, checkpoints of runs, several networks, evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mer.config import InputConfig, ModelConfig, as_settings
from mer.data import facs
from mer.data.facs.emotions import emotion_of_units
from mer.data.facs.objective_classes import objective_class
from mer.data.synthetic.clip_rendering import Pose, render_frame
from mer.errors import MerError
from mer.make_prior.heads import LIMITS, content_hash
from mer.models import build, checkpoint
from mer.video.answers import answer as answers
from mer.video.answers.answer import Answer, answer, answer_inputs, class_of, compare, evidence
from mer.video.answers.recognisers import PRIOR, Recogniser, load_prior, load_recognisers
from tests.video.faces.test_aligned_motion import clip, drawn

CLASSES = ["negative", "positive", "surprise"]
TEMPLATES = ModelConfig(backbone="templates", depth=None, attention=replace(ModelConfig().attention, unit="none"))


def answered(*units: int, recognisers: list[Recogniser] | None = None) -> Answer:
    """The answer for an average face that shows these units."""
    one = clip(units[0], Pose(0.05, -0.05, 0.1, 0.95), Pose(0.02, 0.01, 0.01, 1.01), 160)
    first = one.expression[0]
    shown = tuple(replace(first, activation=facs.Activation(unit, 0.9, 0.8)) for unit in units)
    one = replace(one, expression=shown)
    frames = [render_frame(one, number) for number in (one.onset, one.apex)]
    places = [one.face_to_pixels(number) for number in (one.onset, one.apex)]
    return answer(*frames, *places, load_prior() if recognisers is None else recognisers)


def saved(path: Path, seed: int, *, classes: list[str] | None = None, **card: Any) -> Path:
    """A checkpoint of a new network of templates."""
    classes = CLASSES if classes is None else classes
    torch.manual_seed(seed)
    network = build(TEMPLATES, in_channels=3, classes=len(classes))
    told = {"classes": classes, "input": as_settings(InputConfig(representation="motion_map")), **card}
    checkpoint.save(path, network, model=TEMPLATES, card=told)
    return path


@pytest.mark.parametrize(("units", "emotion"), [((6, 12), "positive"), ((1, 2), "surprise"), ((4,), "negative")])
def test_the_packaged_prior_recognises_drawn_faces(units: tuple[int, ...], emotion: str) -> None:
    found = answered(*units)
    assert found.emotion == emotion
    assert not found.uncertain
    assert {f"AU{unit}" for unit in units} & set(found.present)
    assert sum(found.emotions.values()) == pytest.approx(1)
    numbers = [int(name[2:]) for name in found.present]
    assert found.emotion_by_units is not None
    assert found.emotion_by_units == emotion_of_units(numbers)
    assert class_of(found.emotion_by_units, CLASSES) == emotion
    assert found.agrees is True
    assert found.emotion_by_units in found.agreement
    assert found.objective_class == objective_class(numbers)
    assert found.motion.shape == (3, 28, 28)
    assert found.evidence.shape == (14, 14)
    assert found.disagreement == {}


def test_evidence_lies_where_the_face_moves() -> None:
    smile, brows = (answered(*units).evidence for units in ((12,), (1, 2)))
    assert np.unravel_index(smile.argmax(), smile.shape)[0] >= 7  # mouth and cheeks: the lower half
    assert np.unravel_index(brows.argmax(), brows.shape)[0] <= 4


def test_a_face_that_does_not_move_is_uncertain() -> None:
    one = replace(clip(12, Pose(), Pose(), 160), expression=(), noise=2.0)
    frames, places = [render_frame(one, n) for n in (1, 21)], [one.face_to_pixels(n) for n in (1, 21)]
    found = answer(*frames, *places, load_prior())
    assert found.uncertain
    assert np.isfinite(list(found.emotions.values())).all()


def test_equal_frames_give_numbers() -> None:
    frame = np.full((120, 100), 128, dtype=np.uint8)
    place = np.array([[30.0, 0, 50], [0, 30.0, 40]])
    found = answer(frame, frame, place, place, load_prior())
    assert found.uncertain
    assert np.isfinite(found.evidence).all()
    assert (found.motion == 0).all()


def test_the_mirrored_face_gets_the_same_answer() -> None:
    one = clip(12, Pose(), Pose(), 160)
    frames, places = [render_frame(one, n) for n in (1, 21)], [one.face_to_pixels(n) for n in (1, 21)]
    mirror = np.array([[-1.0, 0, 159], [0, 1, 0]])  # x of the picture
    turned = []
    for place in places:
        linear = mirror[:, :2] @ place[:, :2] @ np.diag([-1, 1])  # and of the face
        turned.append(np.column_stack([linear, mirror[:, :2] @ place[:, 2] + mirror[:, 2]]))
    plain = answer(*frames, *places, load_prior())
    other = answer(*(np.ascontiguousarray(frame[:, ::-1]) for frame in frames), *turned, load_prior())
    assert other.emotions["positive"] == pytest.approx(plain.emotions["positive"], abs=0.05)
    assert other.evidence[:, ::-1] == pytest.approx(plain.evidence, abs=0.15)


def test_networks_of_one_input_share_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(answers, "motion_map", lambda pair, config: calls.append(config) or drawn(12))
    one, two = load_prior()
    other = replace(two, input=replace(two.input, flow="farneback"))
    answered(12, recognisers=[one, two, other, two])
    assert [config.flow for config in calls] == ["dis", "farneback"]


def test_several_checkpoints_are_averaged_and_their_disagreement_is_told(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{seed}.ckpt", seed) for seed in (0, 1)]
    turned = saved(tmp_path / "turned.ckpt", 2, classes=CLASSES[::-1])
    found = load_recognisers([*paths, turned])
    assert [one.units for one in found] == [False, False, False, True]  # the packaged one serves the other task
    inputs = [drawn(12)] * 4
    together = answer_inputs(inputs, found, inputs[0])
    alone = [answer_inputs([inputs[0]], [one], inputs[0]).emotions for one in found[:3]]
    for name in CLASSES:
        values = [one[name] for one in alone]
        assert together.emotions[name] == pytest.approx(np.mean(values))
        assert together.disagreement[name] == pytest.approx(np.std(values))
    assert set(together.disagreement) == set(CLASSES)


def test_probabilities_are_those_of_a_run_with_its_mirror_image(tmp_path: Path) -> None:
    one = load_recognisers([saved(tmp_path / "one.ckpt", 0)])[0]
    image = torch.from_numpy(drawn(12))[None]
    signs = torch.tensor([-1.0, 1, 1]).view(3, 1, 1)
    with torch.inference_mode():
        both = [torch.softmax(one.network(part), 1).numpy() for part in (image, image.flip(-1) * signs)]
    assert one.probabilities(image.numpy()) == pytest.approx((both[0] + both[1]) / 2, abs=1e-6)


def test_a_checkpoint_of_units_brings_its_thresholds(tmp_path: Path) -> None:
    card = {"task": "action_units", "thresholds": {"AU4": 0.9, "AU12": 0.0}}
    path = saved(tmp_path / "units.ckpt", 0, classes=["AU12", "AU4"], **card)
    found = load_recognisers([path])
    assert [one.units for one in found] == [True, False]
    assert found[0].calibration["threshold"] == [0.0, 0.9]
    inputs = [drawn(12)] * 2
    assert answer_inputs(inputs, found, inputs[0]).present == ("AU12",)


def test_what_units_deny_is_uncertain(tmp_path: Path) -> None:
    """Two networks of fixed answers: positive by its classes, and a unit of another emotion."""

    def fixed(name: str, classes: list[str], offset: list[float], **card: Any) -> Path:
        calibration = {"slope": [0.0] * len(classes), "offset": offset}
        return saved(tmp_path / name, 0, classes=classes, calibration=calibration, **card)

    positive = fixed("classes.ckpt", CLASSES, [0.0, 9.0, 0.0])
    for unit, uncertain in (("AU12", False), ("AU4", True), ("AU28", True)):
        units = fixed("units.ckpt", [unit, "AU99"], [9.0, -9.0], task="action_units")
        found = answer_inputs([drawn(12)] * 2, load_recognisers([positive, units]), drawn(12))
        assert found.emotion == "positive"
        assert found.present == (unit,)
        assert found.uncertain is uncertain
    faint = fixed("faint.ckpt", CLASSES, [0.0, 0.5, 0.0])
    assert answer_inputs([drawn(12)] * 2, load_recognisers([faint]), drawn(12)).uncertain


def test_units_alone_are_compared_with_nothing() -> None:
    units = [one for one in load_prior() if one.units]
    found = answered(12, recognisers=units)
    assert found.emotion is None
    assert found.emotions == {}
    assert found.agrees is None
    assert not found.uncertain
    assert found.evidence.max() > 0


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ({"input": {"representation": "apex"}}, "input=apex"),
        ({"input": {"representation": "stack"}}, "input=stack"),
        ({"input": {"size": "large"}}, "how its input is made"),
        ({"input": None}, "how its input is made"),
        ({"calibration": {"slope": [1.0]}}, "calibration.slope"),
        ({"calibration": {"offset": [1.0, float("nan"), 0.0]}}, "calibration.offset"),
        ({"calibration": [1.0]}, "calibration"),
        ({"calibration": {"uncertain_below": "low"}}, "calibration.uncertain_below"),
        ({"task": "action_units"}, "AU12"),
    ],
)
def test_a_card_that_cannot_be_used_is_refused_by_name(tmp_path: Path, card: dict[str, Any], told: str) -> None:
    path = saved(tmp_path / "bad.ckpt", 0, **card)
    with pytest.raises(MerError, match=told) as error:
        load_recognisers([path])
    assert "bad.ckpt" in str(error.value)


def test_other_classes_are_not_averaged(tmp_path: Path) -> None:
    paths = [saved(tmp_path / "a.ckpt", 0), saved(tmp_path / "b.ckpt", 1, classes=["anger", "joy", "fear"])]
    with pytest.raises(MerError, match=r"b\.ckpt.*a\.ckpt"):
        load_recognisers(paths)


def test_no_recogniser_is_an_error() -> None:
    with pytest.raises(MerError, match="load_prior"):
        answered(12, recognisers=[])


@pytest.mark.parametrize(
    ("emotion", "present", "meant", "agrees"),
    [
        ("positive", ("AU12",), "happiness", True),
        ("negative", ("AU12",), "happiness", False),
        ("positive", (), None, None),
        ("positive", ("AU4", "AU12"), None, None),
        (None, ("AU4",), "anger", None),
    ],
)
def test_agreement_in_one_sentence(
    emotion: str | None, present: tuple[str, ...], meant: str | None, agrees: bool | None
) -> None:
    found, sentence = compare(emotion, tuple(CLASSES), present, meant)
    assert found is agrees
    assert sentence.endswith(".")
    assert sentence.count(". ") == 0


def test_emotions_belong_to_classes() -> None:
    assert class_of("fear", CLASSES) == "negative"
    assert class_of("happiness", CLASSES) == "positive"
    assert class_of("others", CLASSES) is None
    assert class_of("fear", ["fear", "joy"]) == "fear"
    assert class_of("anger", ["fear", "joy"]) is None


def test_evidence_of_one_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A recogniser that looks at one pixel alone finds its evidence in the windows around it."""
    one = load_recognisers([saved(tmp_path / "one.ckpt", 0)])[0]

    def probabilities(self: Recogniser, inputs: np.ndarray) -> np.ndarray:
        shown = np.where(inputs[:, 0, 10, 20] != 0, 0.8, 0.1)
        return np.stack([shown, (1 - shown) / 2, (1 - shown) / 2], axis=1)

    monkeypatch.setattr(Recogniser, "probabilities", probabilities)
    found = evidence([np.ones((3, 28, 28), np.float32)], [one], "negative")
    expected = np.zeros((answers.CELLS, answers.CELLS))
    expected[4:7, 9:12] = np.log(8)
    assert found == pytest.approx(expected)


def test_cards_of_the_packaged_networks_say_what_they_are() -> None:
    for one in load_prior():
        card = one.network.card
        content = checkpoint.read(one.source)
        assert card["sha256"] == content_hash(card, content["weights"])
        assert card["trained_on"]["synthetic"] is True
        assert set(LIMITS) < set(card["limits"])
        assert "lie detector" in " ".join(card["limits"])
        assert {value.dtype for value in content["weights"].values()} == {torch.float16}
        assert Path(one.source).stat().st_size < 200_000
    assert sum(path.stat().st_size for path in PRIOR.iterdir()) < 200_000
