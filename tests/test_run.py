"""The command line, as a user meets it: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from mer import run_files
from mer.sweep import TABLE
from tests.helpers.command import DRAWN_FEW, TINY, TINY_RECIPE, command, process


def cached(cache_dir: Path) -> str:
    return f"cache_dir={cache_dir}"


def test_a_dry_run_tells_what_would_be_done_and_leaves_nothing(tmp_path, cache_dir):
    done = process("mer.run", "+experiment=synthetic_loso", *TINY, cached(cache_dir), "dry_run=true", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for word in (
        "24 clips of 4 subjects",
        "4 folds",
        "negative",
        "parameters",
        "steps",
        "about",
        "nothing was trained",
    ):
        assert word in done.stdout
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_help_names_every_group_and_leaves_nothing(tmp_path):
    done = command("mer.run", "--help", cwd=tmp_path)
    assert done.returncode == 0
    for word in ("synthetic_loso", "manifest_loso", "micro_attention", "dry_run"):
        assert word in done.stdout
    assert not list(tmp_path.iterdir())


def test_bad_values_end_with_status_2_and_no_traceback_all_named_at_once(tmp_path, cache_dir):
    bad = ("model.attention.stages=[5]", "optim.balance=smote", "data.clips=0")
    done = command("mer.run", "+experiment=synthetic_loso", *bad, cached(cache_dir), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    for words in (("model.attention.stages", "5", "1", "4"), ("optim.balance", "smote", "oversample"), ("data.clips",)):
        assert any(all(word in line for word in words) for line in lines), words


def test_a_typo_in_a_key_is_named(tmp_path):
    done = command("mer.run", "+experiment=synthetic_loso", "optim.learning_rate=1", cwd=tmp_path)
    assert done.returncode != 0
    assert "learning_rate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("layout", ["samm", "casme2", "smic"])
def test_without_the_data_the_remedies_are_named(tmp_path, layout):
    done = command("mer.run", f"+experiment={layout}_loso", "data.root=/nowhere/at/all", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for word in ("/nowhere/at/all", f"--layout {layout}", "synthetic_loso"):
        assert word in done.stderr


@pytest.mark.parametrize(
    "layout", ["samm", *(pytest.param(name, marks=pytest.mark.slow) for name in ("casme2", "smic"))]
)
def test_each_official_layout_runs_through(tmp_path, cache_dir, layout):
    tree = tmp_path / "trees" / layout
    size = ("--subjects", "3", "--clips", "15", "--size", "64")
    written = command("mer.data.synthetic", "--layout", layout, "--out", str(tree), *size, cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    done = command(
        "mer.run",
        f"+experiment={layout}_loso",
        f"data.root={tree}",
        *TINY_RECIPE,
        cached(cache_dir),
        "hydra.run.dir=run",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "UF1" in done.stdout and "report.html" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before, "the data folder was written to"
    assert len(pd.read_csv(tmp_path / "run" / run_files.PREDICTIONS)) == 15


def write_manifest(folder: Path, rows: list[dict[str, str]]) -> Path:
    """A manifest of random motion maps; rows may override columns or lack an image."""
    rng = np.random.default_rng(0)
    for row in rows:
        cv2.imwrite(str(folder / row["path"]), rng.integers(0, 255, (28, 28, 3), dtype=np.uint8))
    path = folder / "manifest.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def rows(subjects: int = 3) -> list[dict[str, str]]:
    labels = ("negative", "positive", "surprise")
    return [
        {
            "sample_id": f"s{i}_{label}",
            "dataset": "own",
            "subject": f"s{i}",
            "label": label,
            "path": f"s{i}_{label}.png",
        }
        for i in range(subjects)
        for label in labels
    ]


def with_onsets(listed: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows with an onset frame each: the image of another clip of the same person."""
    after = {"negative": "positive", "positive": "surprise", "surprise": "negative"}
    return [{**row, "onset": f"{row['subject']}_{after[row['label']]}.png"} for row in listed]


def run_manifest(manifest: Path, cache_dir: Path, cwd: Path, *more: str):
    recipe = [override for override in TINY_RECIPE if not override.startswith("input")]
    return command(
        "mer.run",
        "+experiment=manifest_plain",
        f"data.manifest={manifest}",
        *recipe,
        cached(cache_dir),
        "hydra.run.dir=run",
        *more,
        cwd=cwd,
    )


def test_a_manifest_runs_through(tmp_path, cache_dir):
    done = run_manifest(write_manifest(tmp_path, rows()), cache_dir, tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(tmp_path / "run" / run_files.PREDICTIONS)) == 9


def test_frames_of_faces_are_not_read_as_motion_maps(tmp_path, cache_dir):
    listed = with_onsets(rows())
    listed[0]["onset"] = listed[0]["path"]  # a row whose onset is its own apex is no sign of faces
    done = run_manifest(write_manifest(tmp_path, listed), cache_dir, tmp_path)
    assert done.returncode == 2 and "8 of 9 rows have an onset" in done.stderr and "first: s0_positive" in done.stderr
    assert (
        "+experiment=manifest_plain input=flow" in done.stderr and not (tmp_path / "run" / run_files.RESULTS).exists()
    )
    done = run_manifest(tmp_path / "manifest.csv", cache_dir, tmp_path, "input=flow")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("experiment", "few"), [("manifest_loso", "cotrain.data.maps=60"), ("manifest_network", "model.width=16")]
)
def test_motion_maps_begin_with_drawn_motion(experiment, few, tmp_path, cache_dir):
    manifest = write_manifest(tmp_path, rows())
    swap = [*TINY_RECIPE, *DRAWN_FEW, few, f"data.manifest={manifest}", cached(cache_dir)]
    done = command("mer.run", f"+experiment={experiment}", *swap, "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(tmp_path / "run" / run_files.PREDICTIONS)) == 9
    results = json.loads((tmp_path / "run" / run_files.RESULTS).read_text(encoding="utf-8"))
    assert len(results["members"]["scores"]) == 2
    assert any("drawn from action units" in note for note in results["notes"])


def test_what_was_drawn_bare_is_tested_on_disturbed_drawings_of_other_faces(tmp_path, cache_dir):
    few = [*TINY_RECIPE, *DRAWN_FEW, "data.maps=60", cached(cache_dir), "hydra.run.dir=run"]
    done = command("mer.run", "+experiment=drawing_gap", *few, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "run" / run_files.RESULTS).read_text(encoding="utf-8"))
    # the faces of another seed are other people, so that nobody in the stage is tested
    assert results["synthetic"] and results["stages"][0]["tested_subjects"] == 0
    assert len(pd.read_csv(tmp_path / "run" / run_files.PREDICTIONS)) == 60


def missing_image(folder: Path, manifest: Path) -> None:
    (folder / "s1_positive.png").unlink()


def truncated_image(folder: Path, manifest: Path) -> None:
    path = folder / "s1_positive.png"
    path.write_bytes(path.read_bytes()[:-600])


def empty_subject(folder: Path, manifest: Path) -> None:
    table = pd.read_csv(manifest)
    table.loc[4, "subject"] = ""
    table.to_csv(manifest, index=False)


def alike_subjects(folder: Path, manifest: Path) -> None:
    table = pd.read_csv(manifest)
    table.loc[4, "subject"] = "S1"
    table.to_csv(manifest, index=False)


def one_subject(folder: Path, manifest: Path) -> None:
    table = pd.read_csv(manifest)
    table["subject"] = "s1"
    table.to_csv(manifest, index=False)


@pytest.mark.parametrize(
    ("damage", "more", "words"),
    [
        (missing_image, (), ("s1_positive.png",)),
        (truncated_image, (), ("s1_positive.png",)),
        (empty_subject, (), ("subject", "s1_positive")),
        (one_subject, (), ("s1", "subject")),
        (alike_subjects, (), ("own:S1", "own:s1", "subject")),
        (None, ("data.labels='negative,positive'",), ("surprise",)),
        (None, ("data.labels='negative,positive,surprise,fear'",), ("fear",)),
    ],
    ids=[
        "missing image",
        "truncated image",
        "empty subject",
        "one subject",
        "subjects alike",
        "unknown label",
        "class without a sample",
    ],
)
def test_bad_data_are_named_with_a_remedy(tmp_path, cache_dir, damage, more, words):
    manifest = write_manifest(tmp_path, rows())
    if damage is not None:
        damage(tmp_path, manifest)
    done = run_manifest(manifest, cache_dir, tmp_path, *more)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_sweep_over_placements_prints_and_writes_one_table(tmp_path, cache_dir):
    done = command(
        "mer.run",
        "-m",
        "+experiment=synthetic_loso",
        *TINY,
        cached(cache_dir),
        "model.attention.stages=[],[1],[4],[1,2,3,4]",
        "hydra.sweep.dir=sweep",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "sweep" / TABLE)
    assert list(table["model.attention.stages"]) == ["[]", "[1]", "[4]", "[1, 2, 3, 4]"]
    assert (table["status"] == "done").all()
    for word in ("stages", "[1, 2, 3, 4]", "uf1", "Synthetic data"):
        assert word in done.stdout
    for job, score in zip(table["job"], table["uf1"], strict=True):
        results = json.loads((tmp_path / "sweep" / str(job) / run_files.RESULTS).read_text(encoding="utf-8"))
        assert results["scores"]["all"]["uf1"]["value"] == pytest.approx(score)


def test_a_sweep_goes_on_after_a_bad_job_and_says_so(tmp_path, cache_dir):
    done = command(
        "mer.run",
        "-m",
        "+experiment=synthetic_loso",
        *TINY,
        cached(cache_dir),
        "model.attention.stages=[5],[1]",
        "hydra.sweep.dir=sweep",
        cwd=tmp_path,
    )
    assert done.returncode == 1
    table = pd.read_csv(tmp_path / "sweep" / TABLE)
    assert list(table["status"]) == ["failed", "done"]
    assert "model.attention.stages=[5]" in table["overrides"].iloc[0]
    assert "1 problem" in table["error"].iloc[0]


@pytest.mark.slow
def test_a_sweep_into_the_folder_of_another_does_not_show_its_scores(tmp_path, cache_dir):
    sweep = ("-m", "+experiment=synthetic_loso", *TINY, cached(cache_dir), "seed=0,1", "hydra.sweep.dir=sweep")
    assert command("mer.run", *sweep, cwd=tmp_path).returncode == 0
    done = command("mer.run", *sweep, "optim.lr=0.5", cwd=tmp_path)
    assert done.returncode == 1
    assert list(pd.read_csv(tmp_path / "sweep" / TABLE)["status"]) == ["failed", "failed"]
    assert "optim.lr: 0.001 there, 0.5 asked for" in done.stderr


def test_a_dry_sweep_ends_well(tmp_path, cache_dir):
    sweep = ("-m", "+experiment=synthetic_loso", *TINY, cached(cache_dir), "seed=0,1", "dry_run=true")
    done = command("mer.run", *sweep, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("nothing was trained") == 2


def test_a_bad_interpolation_and_a_folder_without_permission_are_one_line(tmp_path, cache_dir):
    done = command("mer.run", "+experiment=samm_loso", "data.root=${oc.env:NOWHERE_AT_ALL}/x", cwd=tmp_path)
    assert done.returncode == 2
    assert "NOWHERE_AT_ALL" in done.stderr and "Traceback" not in done.stderr
    done = command("mer.run", "+experiment=synthetic_loso", *TINY, "cache_dir=/proc/nothing", cwd=tmp_path)
    assert done.returncode == 2
    assert "/proc/nothing" in done.stderr and "Traceback" not in done.stderr


def test_two_processes_score_every_sample_once_and_as_one_does(tmp_path, cache_dir):
    # AdamW divides by the size of a gradient, so rounding alone can turn a step; SGD shows the sums
    shared = (
        "+experiment=synthetic_loso",
        *TINY,
        cached(cache_dir),
        "optim.balance=none",
        "optim.name=sgd",
        "optim.lr=0.01",
    )
    one = command("mer.run", *shared, "hydra.run.dir=one", cwd=tmp_path)
    assert one.returncode == 0, one.stderr
    two = process("mer.run", *shared, "trainer=ddp", "trainer.devices=2", "hydra.run.dir=two", cwd=tmp_path)
    assert two.returncode == 0, two.stderr
    single, double = (pd.read_csv(tmp_path / name / run_files.PREDICTIONS) for name in ("one", "two"))
    assert list(double["sample_id"]) == list(single["sample_id"])
    assert double["sample_id"].is_unique
    folds = pd.read_csv(tmp_path / "two" / run_files.FOLDS)
    # an odd number of training samples cannot be shared out equally: one is left out in each epoch
    even = set(folds["fold"][folds["train"] % 2 == 0])
    shown = single["fold"].isin(even)
    assert shown.sum() >= 8, "the drawn corpus should have folds with an even number of training samples"
    columns = [name for name in single if name.startswith("prob_")]
    np.testing.assert_allclose(double.loc[shown, columns], single.loc[shown, columns], atol=1e-4)


@pytest.mark.slow
def test_a_sweep_over_two_processes_runs_each_job_once(tmp_path, cache_dir):
    done = process(
        "mer.run",
        "-m",
        "+experiment=synthetic_loso",
        *TINY,
        cached(cache_dir),
        "trainer=ddp",
        "seed=0,1",
        "hydra.sweep.dir=sweep",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "sweep" / TABLE)
    assert list(table["seed"]) == [0, 1]
    assert sorted(path.name for path in (tmp_path / "sweep").iterdir() if path.is_dir()) == ["0", "1"]
