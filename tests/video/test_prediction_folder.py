"""Folders of results: their names, what is replaced and what never is, numbers that JSON does not have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mer.provenance import environment
from mer.utils.csv_files import read_csv
from mer.video.answers.recognisers import Recogniser, load_prior
from mer.video.prediction_folder import (
    FolderContent,
    finite,
    folder_for,
    identity,
    read_prediction,
    write_prediction,
)
from mer.video.results import read_interval_table
from tests.video.predicted import made_result


@pytest.fixture(scope="module")
def recognisers() -> list[Recogniser]:
    return load_prior()


def written(out: Path, video: Path, recognisers: list[Recogniser]) -> Path:
    folder = folder_for(out, video)
    asked: dict[str, Any] = {"source": identity(video), "options": {}, "networks": {}}
    write_prediction(folder, FolderContent(made_result(), recognisers, asked, environment()))
    return folder


def video(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_a_folder_holds_the_tables_the_page_and_all_of_it_as_json(
    tmp_path: Path, recognisers: list[Recogniser]
) -> None:
    folder = written(tmp_path / "out", video(tmp_path / "clip.mp4"), recognisers)
    assert folder == tmp_path / "out" / "clip"
    assert {one.name for one in folder.iterdir()} == {
        *("frames.csv", "intervals.csv", "prediction.json", "report.html", "strips")
    }
    assert [one.name for one in sorted((folder / "strips").iterdir())] == [
        f"interval_{number:03}.png" for number in (1, 2, 3)
    ]
    frames = read_csv(folder / "frames.csv")
    lost = frames[frames["frame"].between(80, 99)]
    assert len(lost) == 20 and (lost["success"] == 0).all() and lost["face_x"].isna().all()
    assert lost["time"].notna().all()
    # units of one digit are no number, and what is empty is empty text
    table = read_interval_table(folder / "intervals.csv")
    assert table["action_units"].tolist() == ["12", "12", ""] and table["flags"].tolist() == ["", "blurred", ""]
    record = json.loads((folder / "prediction.json").read_text(encoding="utf-8"))
    assert [one["answer"] and one["answer"]["emotion"] for one in record["intervals"]] == ["positive", "positive", None]
    assert record["intervals"][0]["answer"]["units"] == {"AU04": 0.1, "AU12": 0.9}
    assert record["environment"]["versions"]["torch"] and record["frames"] == 200
    assert {*record["cards"]} == {one.source for one in recognisers}


def test_videos_of_one_name_have_folders_of_their_own(tmp_path: Path, recognisers: list[Recogniser]) -> None:
    videos = [video(tmp_path / name) for name in ("a/clip.mp4", "b/clip.mp4", "b/clip.mov")]
    folders = [written(tmp_path / "out", one, recognisers).name for one in videos]
    assert folders == ["clip", "clip-2", "clip-3"]
    assert [folder_for(tmp_path / "out", one).name for one in videos] == folders


def test_nothing_of_a_user_is_replaced(tmp_path: Path, recognisers: list[Recogniser]) -> None:
    one, out = video(tmp_path / "clip.mp4"), tmp_path / "out"
    video(out / "clip" / "mine.txt")
    assert folder_for(out, one).name == "clip-2", "a folder that mer did not write"
    folder = written(out, one, recognisers)
    video(folder / "notes.txt")
    assert folder_for(out, one).name == "clip-3", "a folder with a file of the user in it"
    assert (folder / "notes.txt").exists() and (out / "clip" / "mine.txt").exists()
    (out / "clip-3").mkdir()
    (out / "clip-3" / "prediction.json").write_text("{", encoding="utf-8")
    assert folder_for(out, one).name == "clip-4", "a damaged answer may be anybody's"


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"format": "mer-prediction-1"}', '{"format": 1, "asked": {"source": 3}}']
)
def test_what_is_no_answer_of_ours_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "prediction.json").write_text(content, encoding="utf-8")
    assert read_prediction(tmp_path) is None
    assert read_prediction(tmp_path / "none") is None


def test_a_changed_file_is_another(tmp_path: Path) -> None:
    one = video(tmp_path / "clip.mp4")
    before = identity(one)
    assert identity(one) == before
    one.write_bytes(b"xy")
    assert identity(one) != before


def test_json_has_no_nan() -> None:
    values = {"a": [np.nan, 1.5, np.float32(2), np.int64(3)], "b": (pd.NA, np.bool_(True), "text"), 1: {"c": np.inf}}
    assert finite(values) == {"a": [None, 1.5, 2.0, 3], "b": [None, True, "text"], "1": {"c": None}}
    json.dumps(finite({"a": np.float32("nan")}), allow_nan=False)
