"""Which data sets are cropped with `face=auto`, and what is said of faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mer.config import FaceConfig, FolderData, InputConfig
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.table import SampleTable
from mer.inputs.faces.choice import describe_faces, detector_of, rows_to_crop
from mer.inputs.faces.crops import align_faces
from tests.inputs.conftest import save, table_of, texture

AUTO, NONE = FaceConfig(detector="auto"), FaceConfig()
FRAMES = InputConfig(representation="difference", size=32)


@pytest.fixture
def mixed(tmp_path: Path) -> SampleTable:
    """Four clips: two of a set of crops, two of a set whose frames show more than the face."""
    paths = [save(tmp_path / f"{i}.png", texture(64, seed=i)[: 64 if i < 2 else 40]) for i in range(4)]
    table = table_of(paths, paths)
    names = ["cropped", "cropped", "whole", "whole"]
    return replace(table, frame=table.frame.assign(dataset=names), uncropped=("whole",))


def test_auto_crops_the_sets_that_show_more_than_the_face_and_no_others(mixed: SampleTable) -> None:
    np.testing.assert_array_equal(rows_to_crop(mixed, AUTO), [False, False, True, True])
    assert not rows_to_crop(mixed, NONE).any()
    assert rows_to_crop(mixed, FaceConfig(detector="mtcnn")).all()
    assert not rows_to_crop(replace(mixed, uncropped=()), AUTO).any()


def test_the_rows_keep_their_order_and_only_those_cropped_get_other_paths(
    mixed: SampleTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = pd.DataFrame({"sample_id": mixed.frame["sample_id"]})
    for point, (x, y) in zip(
        ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth"),
        ((20, 10), (44, 10), (32, 20), (24, 30), (40, 30)),
        strict=True,
    ):
        listed[f"{point}_x"], listed[f"{point}_y"] = x, y
    listed.to_csv(tmp_path / "landmarks.csv", index=False)
    face = FaceConfig(detector="precomputed", landmarks=str(tmp_path / "landmarks.csv"), size=32)
    monkeypatch.setattr("mer.inputs.faces.crops.detector_of", lambda _: face)
    found = align_faces(mixed, AUTO, FRAMES, tmp_path / "cache")
    assert found.frame["sample_id"].tolist() == mixed.frame["sample_id"].tolist()
    same = (found.frame["apex_path"] == mixed.frame["apex_path"]).tolist()
    assert same == [True, True, False, False]
    assert found.uncropped == ()
    assert "in 2 of 2 clips" in found.notes[-1] and "other 2 clips are crops already" in found.notes[-1]
    assert describe_faces(found, AUTO) == found.notes[-1].removeprefix("Faces: ")


def test_whole_frames_without_a_detector_are_warned_of_by_name(mixed: SampleTable, tmp_path: Path) -> None:
    found = align_faces(mixed, NONE, FRAMES, tmp_path)
    assert "frames of whole show more than the face and are NOT cropped" in found.notes[-1]
    assert "NOT cropped" in describe_faces(found, NONE)
    clean = align_faces(replace(mixed, uncropped=()), NONE, FRAMES, tmp_path)
    assert clean.notes == mixed.notes and describe_faces(clean, NONE) == "frames are taken as crops of faces"


def test_drawn_trees_are_crops_where_their_frames_are_square(mixed: SampleTable) -> None:
    drawn = replace(mixed, synthetic=True, uncropped=("cropped", "whole"))
    np.testing.assert_array_equal(rows_to_crop(drawn, AUTO), [False, False, True, True])


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_parts_with_crops_are_parts_of_the_set(name: str) -> None:
    card = DATASETS[name].card
    assert set(card.crops) <= set(card.parts or {""})


@pytest.mark.parametrize(
    ("name", "part", "crops"),
    [
        ("samm", None, False),
        ("casme2", None, True),
        ("casme2", "raw", False),
        ("casme_sq", "micro_cropped", True),
        ("casme_sq", "macro_raw", False),
        ("smic", "hs_raw", False),
        ("smic", "nir_cropped", True),
        ("casme3", None, False),
        ("mmew", None, False),
        ("dfme", None, False),
        ("ck_plus", None, False),
        ("fer2013", None, True),
    ],
)
def test_what_the_cards_say(name: str, part: str | None, crops: bool) -> None:
    data = FolderData(name=name, root="/nowhere", part=part)
    assert DATASETS[name].card.has_crops(data) is crops


def test_the_detector_is_the_one_that_is_shipped() -> None:
    assert detector_of(AUTO).detector == "mtcnn"
    assert detector_of(NONE) is NONE
