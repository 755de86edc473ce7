"""The contact sheet: one clip a person, the very inputs of a run, colours that mean what the headings say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mer import prepare
from mer.config import Config, FaceConfig, InputConfig, ManifestData, MotionPriorData, StageConfig, SyntheticData
from mer.data import registry as catalog
from mer.errors import SampleError
from mer.inputs.contact_sheet import ABOVE, BELOW, CELL, ZERO, Channel, channels_of, colours, contact_sheet
from mer.inputs.faces.alignment import TEMPLATE
from mer.inputs.faces.landmarks import COLUMNS
from mer.inputs.frames.image_files import read_image
from mer.inputs.preview import ClipPreview, Section, preview
from mer.train.experiment.experiment import load_data

DATA = SyntheticData(name="synthetic", subjects=4, clips=12, size=48)
same = lambda table: table  # noqa: E731


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=DATA, input=InputConfig("flow", 28), cache_dir=str(tmp_path / "cache"))


def test_every_person_is_shown_once_with_the_input_of_a_run(config: Config) -> None:
    (section,) = preview(config, view=same)
    data = load_data(config)
    assert [clip.person for clip in section.clips] == list(dict.fromkeys(data.table.subjects))
    for clip in section.clips:
        (row,) = np.flatnonzero((data.table.subjects == clip.person) & (data.table.frame["clip"] == clip.clip))
        np.testing.assert_array_equal(clip.channels, data.inputs[row])
        np.testing.assert_array_equal(clip.frame, read_image(data.table.frame["onset_path"][row]))
        assert clip.crop is None and clip.label == data.table.frame["label"][row]
    assert section.synthetic and "4 people" in section.lines[0]


def test_few_people_are_spread_over_the_set_and_arrays_are_not_kept(config: Config) -> None:
    (section,) = preview(config, view=same, people=2)
    people = [clip.person for clip in section.clips]
    assert len(people) == 2 and people[0].endswith("000") and "2 of 4 people" in section.lines[0]
    cache = Path(config.cache_dir)
    assert not (cache / "pixels").exists() and not (cache / "parts").exists()


def test_drawn_maps_have_no_frames_and_every_source_has_a_section(config: Config) -> None:
    maps = MotionPriorData("motion_prior", None, maps=60, evenness=0.0)
    config.stages = {"drawn": StageConfig(data=maps)}
    own, drawn = preview(config, view=same)
    assert (own.key, drawn.key) == ("data", "stages.drawn.data")
    assert all(clip.frame is None and clip.channels is not None for clip in drawn.clips)
    sheet = contact_sheet([own, drawn], config.input)
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3


def test_crops_stand_beside_frames_and_a_clip_without_a_face_is_told(config: Config, tmp_path: Path) -> None:
    table = catalog.load_samples(DATA, Path(config.cache_dir))
    known = table.frame["sample_id"][table.frame["subject"] != table.frame["subject"][0]]
    rows = [[sample, *(TEMPLATE * 48 - 0.5).ravel()] for sample in known]
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(tmp_path / "landmarks.csv", index=False)
    config.face = FaceConfig("precomputed", landmarks=str(tmp_path / "landmarks.csv"), size=40)
    (section,) = preview(config, view=same)
    first, *others = section.clips
    assert first.frame is not None and first.crop is None and first.channels is None
    assert all(clip.crop is not None and clip.crop.shape == (40, 40) for clip in others)
    assert all(clip.channels is not None for clip in others)
    assert contact_sheet([section], config.input).shape[0] > CELL


def test_signed_channels_are_blue_white_red() -> None:
    values = np.array([[[-2.0, 0.0, 2.0]] * 3])
    shown = colours(values, Channel("u", (0,), "signed", -2.0, 2.0))
    np.testing.assert_array_equal(shown[0], [BELOW, ZERO, ABOVE])


def test_one_scale_for_all_clips_and_colour_as_it_is() -> None:
    def clip_of(channels: np.ndarray) -> ClipPreview:
        return ClipPreview("s:1", "c", "a", None, None, channels)

    clips = [clip_of(np.full((3, 8, 8), value)) for value in (1.0, -3.0)]
    u, _, strain = channels_of(clips, InputConfig("flow", 8))
    assert (u.low, u.high) == (-3.0, 3.0) and (strain.low, strain.high) == (-3.0, 1.0)
    rgb = np.random.default_rng(0).integers(0, 256, (3, 8, 8)).astype(np.float32)
    (channel,) = channels_of([clip_of(rgb)], InputConfig("apex_rgb", 8))
    np.testing.assert_array_equal(colours(rgb, channel), rgb.transpose(1, 2, 0))
    stack = channels_of([clip_of(np.zeros((3, 8, 8)))], InputConfig("stack", 8, frames=3))
    assert [one.places for one in stack] == [(0,), (1,), (2,)]


def test_a_name_in_any_script_is_drawn() -> None:
    clip = ClipPreview("lab:Ωμέγα Жук", "c", "a", np.zeros((9, 5), np.uint8), None, None)
    assert contact_sheet([Section("data", ("x",), (clip,), False)], InputConfig("flow", 28)).min() < 100


def test_the_command_writes_a_png_and_warns_of_participants(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["data=synthetic", "data.subjects=3", "data.clips=9", "data.size=48", f"cache_dir={config.cache_dir}"]
    out = tmp_path / "new" / "sheet.png"
    assert prepare.main(["--preview", str(out), *few]) == 0
    shown = capsys.readouterr().out
    assert read_image(out).ndim == 3 and str(out) in shown.replace("\n", "") and "participants" not in shown
    frames = (clip for clip in preview(config, view=same)[0].clips)
    rows = ["sample_id,dataset,subject,label,path"]
    for number, clip in enumerate(frames):
        Image.fromarray(clip.frame).save(tmp_path / f"{number}.png")
        rows.append(f"{number},own,p{number},{clip.label},{number}.png")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    manifest = [
        "data=manifest",
        f"data.manifest={tmp_path / 'list.csv'}",
        "input=apex",
        f"cache_dir={config.cache_dir}",
    ]
    assert prepare.main(["--preview", str(out), *manifest]) == 0
    assert "shows participants" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [("--preview", "a.jpg"), ("--preview", "a.png", "--people", "0")])
def test_what_cannot_be_written_ends_with_status_2(wrong: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        prepare.main([*wrong, "data=synthetic"])
    assert ended.value.code == 2


def test_a_missing_frame_is_named(config: Config, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("sample_id,dataset,subject,label,path\na,own,1,x,gone.png\n")
    data = ManifestData("manifest", manifest=str(listed))
    with pytest.raises(SampleError, match=r"gone\.png"):
        preview(replace(config, data=data, input=InputConfig("apex", 28)), view=same)
