"""`mer predict` as a user runs it, on a small drawn video and on videos without a face; and `mer.predict_video`."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import torch

import mer
from mer.data.synthetic.videos.video_file import read_truth
from mer.errors import MerError
from mer.inputs.frames.image_files import write_image
from mer.utils.csv_files import read_csv
from tests.helpers.command import command
from tests.helpers.videos import pictures, write_sound, write_video

#: Frames and frames a second of the drawn video.
COUNT, RATE = 120, 40
DRAWN = ("--seconds", str(COUNT // RATE), "--rate", str(RATE), "--size", "240", "180", "--plain")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a drawn video, and in `predictions` what `mer predict` says of it."""
    folder = tmp_path_factory.mktemp("predict")
    done = command("mer", "synthetic", "video", "drawn.mp4", *DRAWN, cwd=folder)
    assert done.returncode == 0, done.stderr
    done = command("mer", "predict", "drawn.mp4", "--annotate", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def faceless(path: Path, count: int = 6) -> Path:
    return write_video(path, pictures(count), rate=25)


def test_the_drawn_expression_is_found_and_named(place: Path) -> None:
    truth = read_truth(place / "drawn.mp4")
    one = truth[truth["kind"] == "micro"].iloc[0]
    table = read_csv(place / "predictions" / "drawn" / "intervals.csv")
    found = table[(table["onset"] <= one["offset"]) & (table["offset"] >= one["onset"])]
    assert len(found) >= 1
    best = found.iloc[found["strength"].to_numpy().argmax()]
    assert abs(best["apex"] - one["apex"]) <= 3
    assert best["emotion"] == one["label"]
    assert table.equals(read_csv(place / "predictions" / "intervals.csv"))


def test_every_frame_has_a_row(place: Path) -> None:
    frames = read_csv(place / "predictions" / "drawn" / "frames.csv")
    assert frames["frame"].tolist() == list(range(COUNT))
    assert frames["time"].to_numpy() == pytest.approx(np.arange(COUNT) / RATE)
    seen = frames[frames["success"] == 1]
    assert len(seen) > COUNT - 10 and (seen["face_score"] > 0.9).all() and (seen["face_id"] == 0).all()
    # the box holds the face: its middle lies in the frame, and the landmarks in the box
    for axis, side in (("x", "width"), ("y", "height")):
        low, high = seen[f"face_{axis}"], seen[f"face_{axis}"] + seen[f"face_{side}"]
        assert all(((seen[f"{axis}_{k}"] > low) & (seen[f"{axis}_{k}"] < high)).all() for k in range(5))
    assert {"motion", "yaw", "pitch", "roll", "flags"} <= set(frames.columns)


def test_the_record_says_what_was_asked_and_by_what_it_was_answered(place: Path) -> None:
    record = json.loads((place / "predictions" / "drawn" / "prediction.json").read_text(encoding="utf-8"))
    assert record["asked"]["source"]["path"] == str(place / "drawn.mp4")
    assert all(len(value) == 64 for value in record["asked"]["networks"].values()) and len(record["cards"]) == 2
    assert record["environment"]["git"]["commit"] and record["status"] == "found"


def test_the_annotated_copy_has_the_frames_and_times_of_the_video(place: Path) -> None:
    with av.open(str(place / "predictions" / "drawn" / "annotated.mp4")) as copy:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in copy.decode(video=0)]
    assert [time for time, _ in frames] == pytest.approx((np.arange(COUNT) / RATE).tolist(), abs=0.0011)
    with av.open(str(place / "drawn.mp4")) as video:
        plain = next(video.decode(video=0)).to_ndarray(format="rgb24")
    different = np.abs(frames[0][1].astype(int) - plain).max(axis=2) > 60
    assert 0.005 < different.mean() < 0.2, "lines around the face, and the rest as it is"


def test_what_is_finished_is_kept_and_another_question_asked_anew(place: Path) -> None:
    page = place / "predictions" / "drawn" / "report.html"
    before = page.stat().st_mtime_ns
    done = command("mer", "predict", "drawn.mp4", "--annotate", cwd=place)
    assert done.returncode == 0 and "(kept)" in done.stdout and page.stat().st_mtime_ns == before
    given = ("--onset", "10", "--apex", "20", "--offset", "30", "--out", "other")
    done = command("mer", "predict", "drawn.mp4", *given, cwd=place)
    assert done.returncode == 0 and "kept" not in done.stdout
    table = read_csv(place / "other" / "intervals.csv")
    assert table[["onset", "apex", "offset"]].to_numpy().tolist() == [[10, 20, 30]]
    assert (table["source"] == "given").all()
    done = command("mer", "predict", "drawn.mp4", *given[2:4], "--onset", "11", *given[4:], cwd=place)
    assert "kept" not in done.stdout and read_csv(place / "other" / "intervals.csv")["onset"].tolist() == [11]


def test_a_table_names_videos_and_their_intervals(place: Path, tmp_path: Path) -> None:
    pd.DataFrame({"video": ["drawn.mp4"] * 2, "onset": [10, 40], "apex": [20, None], "offset": [30, 60]}).to_csv(
        place / "given.csv", index=False
    )
    done = command("mer", "predict", "--csv", str(place / "given.csv"), "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = read_csv(tmp_path / "out" / "intervals.csv")
    assert table[["onset", "offset"]].to_numpy().tolist() == [[10, 30], [40, 60]]
    assert table["apex"].iloc[0] == 20 and 40 <= table["apex"].iloc[1] <= 60
    # two names of one video, and a row without a name
    pd.DataFrame({"video": ["drawn.mp4", "./drawn.mp4"], "onset": [10, 40], "offset": [30, 60]}).to_csv(
        place / "given.csv", index=False
    )
    assert command("mer", "predict", "--csv", str(place / "given.csv"), "--out", "o2", cwd=tmp_path).returncode == 0
    assert read_csv(tmp_path / "o2" / "intervals.csv")["onset"].tolist() == [10, 40]
    pd.DataFrame({"video": ["drawn.mp4", ""], "onset": [10, 40], "offset": [30, 60]}).to_csv(
        place / "given.csv", index=False
    )
    done = command("mer", "predict", "--csv", str(place / "given.csv"), cwd=tmp_path)
    assert done.returncode == 2 and "name in every row" in done.stderr


def test_the_library_gives_the_table_of_the_command(place: Path) -> None:
    table = mer.predict_video(place / "drawn.mp4")
    told = read_csv(place / "predictions" / "drawn" / "intervals.csv")
    assert list(table.columns) == list(told.columns) and len(table) == len(told)
    assert table["prob_surprise"].to_numpy() == pytest.approx(told["prob_surprise"].to_numpy(), abs=1e-6)
    assert table["apex"].tolist() == told["apex"].tolist()


def test_one_bad_video_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    faceless(tmp_path / "videos" / "b.mp4")
    write_sound(tmp_path / "videos" / "a.mp4")
    done = command("mer", "predict", "videos", cwd=tmp_path)
    assert done.returncode == 1 and "b.mp4: no face" in done.stdout
    assert "1 of 2 videos have no answer: videos/a.mp4" in done.stderr and "Traceback" not in done.stderr
    table = read_csv(tmp_path / "predictions" / "videos.csv")
    assert table["status"].tolist() == ["failed", "no face"] and "only sound" in table["notes"].iloc[0]
    assert len(read_csv(tmp_path / "predictions" / "intervals.csv")) == 0
    assert sorted(one.name for one in (tmp_path / "videos").iterdir()) == ["a.mp4", "b.mp4"]


def test_frames_without_a_face_stay_as_rows(tmp_path: Path) -> None:
    faceless(tmp_path / "none.mp4")
    left = tmp_path / "predictions" / ".none-abcd1234" / "frames.csv"  # by a killed process
    left.parent.mkdir(parents=True)
    left.touch()
    assert command("mer", "predict", "none.mp4", "--annotate", cwd=tmp_path).returncode == 0
    assert not left.parent.exists()
    frames = read_csv(tmp_path / "predictions" / "none" / "frames.csv")
    assert frames["frame"].tolist() == list(range(6)) and (frames["success"] == 0).all()
    assert frames["face_id"].isna().all() and frames["motion"].isna().all()


def test_a_folder_of_images_is_a_video_of_that_rate(tmp_path: Path) -> None:
    for number, picture in enumerate(pictures(5)):
        write_image(tmp_path / "frames" / f"{number}.png", picture)
    done = command("mer", "predict", "frames", cwd=tmp_path)
    assert done.returncode == 2 and "--rate" in done.stderr
    assert command("mer", "predict", "frames", "--rate", "200", cwd=tmp_path).returncode == 0
    assert read_csv(tmp_path / "predictions" / "frames" / "frames.csv")["time"].iloc[-1] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["text.mp4"], "expected a video"),
        (["none.mp4"], "no such file"),
        (["here"], "found none"),
        (["good.mp4", "--onset", "3"], "--onset and --offset together"),
        (["good.mp4", "good2.mp4", "--onset", "1", "--offset", "2"], "expected one video"),
        (["good.mp4", "--onset", "1", "--apex", "2", "--offset", "90"], "0 to 5"),
        (["good.mp4", "--onset", "3", "--apex", "1", "--offset", "4"], "onset"),
        (["good.mp4", "--onset", "-1", "--offset", "4"], "-1"),
        (["good.mp4", "--rate", "nan"], "above 0"),
        (["good.mp4", "--rate", "0"], "above 0"),
        (["good.mp4", "--out", "text.mp4"], "--out"),
        ([".", "--out", "out"], "holds your videos"),
        (["good.mp4", "--checkpoint", "bad.ckpt"], "bad.ckpt"),
        (["good.mp4", "--checkpoint", "none.ckpt"], "none.ckpt"),
        (["good.mp4", "--csv", "text.mp4"], "text.mp4"),
        (["--csv", "novideo.csv"], "column video"),
        ([], "mer synthetic video"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path: Path, arguments: list[str], words: str) -> None:
    faceless(tmp_path / "good.mp4")
    (tmp_path / "here").mkdir()
    (tmp_path / "good2.mp4").write_bytes((tmp_path / "good.mp4").read_bytes())
    (tmp_path / "text.mp4").write_text("no video\n", encoding="utf-8")
    (tmp_path / "novideo.csv").write_text("onset,offset\n1,2\n", encoding="utf-8")
    torch.save(Bad(tmp_path / "ran"), tmp_path / "bad.ckpt")
    before = {one.name for one in tmp_path.iterdir()}
    done = command("mer", "predict", *arguments, cwd=tmp_path)
    assert done.returncode == 2 and words in done.stderr, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert {one.name for one in tmp_path.iterdir()} == before, "nothing is written, and no code of a file runs"


class Bad:
    """Leaves a file where its pickle is loaded as code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_the_bad_checkpoint_would_run_code(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bad(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


def test_the_library_raises_what_the_command_says(tmp_path: Path) -> None:
    with pytest.raises(MerError, match="no such file"):
        mer.predict_video(tmp_path / "none.mp4")
    with pytest.raises(MerError, match="onset"):
        mer.predict_video(faceless(tmp_path / "good.mp4"), intervals=[(3, 1, 4)])
