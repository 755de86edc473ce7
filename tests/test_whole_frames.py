"""Frames as cameras deliver them: cropped by the recipes, warned of where they are not, no cause for false leaks."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mer.audit import audit_config
from mer.compose import load_config
from mer.data.synthetic.__main__ import main as draw
from mer.inputs import pipeline
from mer.inputs.faces.quick_look import look_at_faces
from mer.inputs.frames.image_files import read_image
from mer.run import run
from tests.inputs.conftest import table_of

FEW = ("--layout", "smic", "--variant", "hs_raw", "--subjects", "4", "--clips", "12", "--size", "96")
RAW = ("data=smic", "data.part=hs_raw", "data.missing_apex=middle", "input=flow", "input.size=28")
TINY = ("model.width=4", "model.stem=small", "optim.epochs=1", "trainer.parallel_folds=1", "trainer.accelerator=cpu")
#: Parts of official sets whose frames show more than the face, in layouts that we draw; the recipe that reads each.
WHOLE = {
    "samm": ("", ("+experiment=samm_loso", "data.missing_apex=drop")),
    "casme2": ("selected", ("+experiment=casme2_loso", "data.part=selected", "data.missing_apex=drop")),
    "smic": ("hs_raw", ("+experiment=smic_loso", "data.part=hs_raw", "data.missing_apex=middle")),
    "casme_sq": (
        "micro_raw",
        ("+experiment=smic_loso", "data=casme_sq", "data.part=micro_raw", "data.missing_apex=drop"),
    ),
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("scene") / "tree"
    assert draw([*FEW, "--out", str(tree), "--scene", "320", "240"]) == 0
    return tree


@pytest.mark.slow
def test_a_run_on_whole_frames_is_warned_of_in_its_results_and_finds_no_leak(scene: Path, tmp_path: Path) -> None:
    config = load_config([*RAW, *TINY, "face=none", f"data.root={scene}", f"cache_dir={tmp_path / 'cache'}"])
    console = Console(file=io.StringIO(), width=400)
    run(replace(config, dry_run=True), tmp_path / "run", console=console)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "note: Look at the frames: smic:" in told
    assert told.count("face=auto crops them") == 2  # its row and its note
    results = run(config, tmp_path / "run", console=console)
    assert [note for note in results["notes"] if note.startswith("Look at the frames: smic:")]
    (warned,) = (note for note in results["notes"] if "NOT cropped" in note)
    kept = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
    assert warned in kept["notes"]
    assert f"note: {warned}" in console.file.getvalue()  # type: ignore[attr-defined]
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "NOT cropped" in report and "Look at the frames: smic:" in report
    assert results["leaks"]["findings"] == []


@pytest.mark.slow
def test_whole_frames_of_stages_and_of_co_training_are_warned_of(scene: Path, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=400)
    for key, word in (("stages.first.data", "stage first"), ("cotrain.data", "co-training")):
        whole = [
            f"+data@{key}=smic",
            *(f"{key}.{one.removeprefix('data.')}" for one in (*RAW[1:3], f"data.root={scene}")),
        ]
        drawn = ["data=synthetic", "data.subjects=4", "data.clips=12", *RAW[3:], "face=none", "dry_run=true"]
        run(load_config([*drawn, *whole, *TINY, f"cache_dir={tmp_path / 'cache'}"]), tmp_path / "run", console=console)
        told = console.file.getvalue()  # type: ignore[attr-defined]
        assert f"{word}: frames of smic show more than the face and are NOT cropped" in told
        assert f"{word.capitalize()}: Look at the frames: smic:" in told


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            ("+experiment=manifest_loso", "data.manifest=none.csv"),
            "motion maps are read as they are; there are no frames",
        ),
        (("data=motion_prior",), "motion maps are drawn; there are no frames"),
        (("data=manifest", "data.manifest=none.csv", "input=flow"), "frames are taken as crops of faces"),
    ],
)
def test_motion_maps_have_no_frames_to_crop(settings: tuple[str, ...], words: str) -> None:
    config = load_config(settings)
    assert pipeline.faces_in_words(table_of([f"/{name}.png" for name in "abcd"]), config.data, config) == words


@pytest.mark.slow
@pytest.mark.parametrize("layout", WHOLE)
def test_recipes_crop_every_face_of_whole_frames(layout: str, tmp_path: Path) -> None:
    variant, recipe = WHOLE[layout]
    few = ["--layout", layout, "--subjects", "3", "--clips", "10", "--size", "128", "--scene", "480", "360"]
    assert draw([*few, *(["--variant", variant] if variant else []), "--out", str(tmp_path / "tree")]) == 0
    config = load_config([*recipe, f"data.root={tmp_path / 'tree'}", f"cache_dir={tmp_path / 'cache'}"])
    table = pipeline.load_samples(config.data, config)
    (faces,) = (note for note in table.notes if note.startswith("Faces: "))
    assert faces == f"Faces: mtcnn in {len(table)} of {len(table)} clips, crops of 224 pixels."
    assert all(read_image(path).shape[:2] == (224, 224) for path in table.frame["onset_path"])
    assert look_at_faces(table, config.face) == []


@pytest.mark.slow
def test_the_audit_warns_of_whole_frames(scene: Path, tmp_path: Path) -> None:
    found = audit_config(load_config([*RAW, f"data.root={scene}", f"cache_dir={tmp_path / 'cache'}"]))
    assert [note for note in found.notes if note.startswith("Look at the frames: smic:")]


@pytest.mark.slow
def test_crops_of_whole_frames_give_the_inputs_of_aligned_drawings(tmp_path: Path) -> None:
    few = ["--layout", "smic", "--variant", "hs_raw", "--subjects", "3", "--clips", "6", "--size", "200"]
    assert draw([*few, "--out", str(tmp_path / "scene"), "--scene", "640", "480"]) == 0
    assert draw([*few, "--out", str(tmp_path / "drawn")]) == 0
    inputs = {}
    for name, face in (("scene", "auto"), ("drawn", "mtcnn")):
        config = load_config([*RAW, f"face={face}", f"data.root={tmp_path / name}", f"cache_dir={tmp_path / 'cache'}"])
        table = pipeline.load_samples(config.data, config)
        assert [note for note in table.notes if note.startswith("Faces: mtcnn in 6 of 6 clips")]
        inputs[name] = pipeline.load_inputs(table, config.data, config)[:, :, 3:-3, 3:-3]
    likeness = [
        np.corrcoef(one.ravel(), other.ravel())[0, 1]
        for clip, aligned in zip(inputs["scene"], inputs["drawn"], strict=True)
        for one, other in zip(clip, aligned, strict=True)
    ]
    assert np.median(likeness) > 0.8
