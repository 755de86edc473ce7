"""The leak audit: planted leaks of every kind are found with samples and files, clean data give none, waivers stand."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from mer import run_files
from mer.config import (
    Config,
    CotrainConfig,
    FolderData,
    InitConfig,
    ManifestData,
    OptimConfig,
    ProtocolConfig,
    StageConfig,
    SyntheticData,
)
from mer.data import registry as catalog
from mer.data.samples.fingerprints import VIEWS, clip_prints, near_duplicate_pairs
from mer.data.samples.table import SampleTable
from mer.data.synthetic.__main__ import layout_clips
from mer.data.synthetic.layouts.registry import write_tree
from mer.errors import ConfigError, LeakError
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.models import checkpoint
from mer.provenance import config_hash
from mer.run import run
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import load_experiment
from mer.train.experiment.overlap import person_codes
from mer.train.leaks import audit as leaks
from mer.train.leaks.findings import find_leaks
from mer.train.leaks.leak import Leak
from tests.conftest import tiny

Change = Callable[[Path, Path], object]


@dataclass(frozen=True)
class Listed:
    """Rows of a manifest, of drawn clips."""

    rows: tuple[dict[str, str], ...]

    def plus(self, copies: Listed) -> Listed:
        return Listed((*self.rows, *copies.rows))

    def of(self, subject: str) -> Listed:
        return Listed(tuple(row for row in self.rows if row["subject"] == subject))

    def data(self, folder: Path, labels: str = "negative,positive,surprise") -> ManifestData:
        path = folder / "list.csv"
        pd.DataFrame(self.rows).to_csv(path, index=False)
        return ManifestData(name="manifest", manifest=str(path), labels=labels)

    def copied(self, folder: Path, subject: str, change: Change, *, count: int | None = None) -> Listed:
        """The first clips as another person's, in a folder of their own, with changed files."""
        folder.mkdir()
        copies = []
        for number, row in enumerate(self.rows[:count]):
            paths = {key: folder / f"{number}_{key}" for key in ("onset", "path")}
            made = {key: str(change(Path(row[key]), path)) for key, path in paths.items()}
            copies.append({**row, **made, "sample_id": f"{folder.name}/{number}", "subject": subject})
        return Listed(tuple(copies))


def same_bytes(source: Path, target: Path) -> Path:
    target = target.with_suffix(".png")
    target.write_bytes(source.read_bytes())
    return target


def other_file_same_pixels(source: Path, target: Path) -> Path:
    cv2.imwrite(str(target.with_suffix(".bmp")), cv2.imread(str(source), cv2.IMREAD_UNCHANGED))
    return target.with_suffix(".bmp")


def jpeg(source: Path, target: Path) -> Path:
    image = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(target.with_suffix(".jpg")), image, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return target.with_suffix(".jpg")


def brighter_and_smaller(source: Path, target: Path) -> Path:
    image = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    smaller = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(target.with_suffix(".png")), np.clip(smaller.astype(float) * 1.05 + 4, 0, 255).astype(np.uint8))
    return target.with_suffix(".png")


def mirrored(source: Path, target: Path) -> Path:
    cv2.imwrite(str(target.with_suffix(".png")), cv2.imread(str(source), cv2.IMREAD_UNCHANGED)[:, ::-1])
    return target.with_suffix(".png")


def cropped(source: Path, target: Path) -> Path:
    image = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    cut = round(0.016 * len(image))
    cv2.imwrite(str(target.with_suffix(".png")), cv2.resize(image[cut:-cut, cut:-cut], image.shape[1::-1]))
    return target.with_suffix(".png")


def moved(source: Path, target: Path) -> Path:
    image = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    by = 0.016 * len(image)
    matrix = np.array([[1, 0, by], [0, 1, -by]], dtype=np.float32)
    shifted = cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    cv2.imwrite(str(target.with_suffix(".png")), shifted)
    return target.with_suffix(".png")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return replace(tiny(tmp_path_factory.mktemp("cache")), optim=OptimConfig(epochs=1, batch_size=16))


def listed(config: Config, *, seed: int = 0) -> Listed:
    """Four drawn people under a data set's name of their own."""
    table = catalog.load_samples(
        SyntheticData(name="synthetic", subjects=4, clips=20, seed=seed), Path(config.cache_dir)
    )
    columns = {"subject": "subject", "label": "label", "onset": "onset_path", "path": "apex_path"}
    rows = [{name: row[column] for name, column in columns.items()} for row in table.frame.to_dict("records")]
    return Listed(tuple({"sample_id": f"own{seed}/{k}", "dataset": f"own{seed}", **row} for k, row in enumerate(rows)))


@pytest.fixture(scope="module")
def clips(base: Config) -> Listed:
    return listed(base)


def found(config: Config) -> list[Leak]:
    check_config(config)
    return list(find_leaks(load_experiment(config)))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_clean_drawn_data_give_none(base: Config, seed: int):
    data = SyntheticData(name="synthetic", subjects=6, clips=36, size=96, seed=seed, difficulty=0.5 + seed)
    for protocol in (ProtocolConfig(), ProtocolConfig(name="kfold", folds=3), ProtocolConfig(validation=0.3)):
        assert found(replace(base, data=data, protocol=protocol)) == []


@pytest.mark.parametrize(
    "layout", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("samm", "casme2")), "smic"]
)
def test_clean_trees_give_none(base: Config, tmp_path: Path, layout: str):
    drawn = SyntheticData(name="synthetic", profile=layout, subjects=3, clips=10, size=48)
    write_tree(layout, layout_clips(drawn), tmp_path / layout)
    settings = {"missing_apex": "middle"} if layout == "smic" else {}
    data = FolderData(name=layout, root=str(tmp_path / layout), **settings)
    assert found(replace(base, data=data)) == []


def test_a_person_under_two_ids_is_found_with_every_clip_and_file(base: Config, clips: Listed, tmp_path: Path):
    person = clips.rows[0]["subject"]
    copies = clips.of(person).copied(tmp_path / "copies", "zed", same_bytes)
    config = replace(base, data=clips.plus(copies).data(tmp_path))
    (leak,) = found(config)
    assert leak.kind == "equal_pixels" and leak.who == (f"own0:{person}", "own0:zed")
    assert len(leak.rows) == len(copies.rows)
    with pytest.raises(LeakError) as caught:
        run(config, tmp_path / "run", console=Console(file=io.StringIO()))
    for row in (*copies.rows, *clips.of(person).rows):
        assert row["sample_id"] in str(caught.value) and row["path"] in str(caught.value)
    assert f"protocol.waive=[{leak.name}]" in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (other_file_same_pixels, "equal_pixels"),
        *((change, "near_pixels") for change in (jpeg, brighter_and_smaller, mirrored, cropped, moved)),
    ],
    ids=["other file", "jpeg", "brighter, smaller", "mirrored", "cropped", "moved"],
)
def test_a_copied_clip_is_found(base: Config, clips: Listed, tmp_path: Path, change: Change, kind: str):
    for number, row in enumerate(clips.rows[::7]):
        copy = Listed((row,)).copied(tmp_path / f"copy{number}", "zed", change)
        (tmp_path / str(number)).mkdir()
        (leak,) = found(replace(base, data=clips.plus(copy).data(tmp_path / str(number))))
        assert leak.kind == kind
        ((what, *paths),) = leak.rows
        assert set(what.split(" (")[0].split(" = ")) == {row["sample_id"], f"copy{number}/0"}
        assert set(paths) == {row["path"], copy.rows[0]["path"]}


def test_copies_within_one_person_are_no_leak(base: Config, clips: Listed, tmp_path: Path):
    row = clips.rows[0]
    copy = Listed((row,)).copied(tmp_path / "copy", row["subject"], same_bytes)
    assert found(replace(base, data=clips.plus(copy).data(tmp_path))) == []


def test_copies_between_training_and_inner_split_are_found(base: Config, clips: Listed, tmp_path: Path):
    copy = clips.copied(tmp_path / "copy", "zed", jpeg, count=1)
    data = clips.plus(copy).data(tmp_path)
    train = next(row["subject"] for row in clips.rows if row["subject"] != clips.rows[0]["subject"])
    experiment = load_experiment(replace(base, data=data))
    fold = next(fold for fold in experiment.folds if fold.name.endswith(train))
    chosen = copy.rows[0]["sample_id"]
    inner = replace(fold, train=tuple(one for one in fold.train if one != chosen), validation=(chosen,))
    assert [leak.kind for leak in find_leaks(replace(experiment, folds=(inner,)))] == ["near_pixels"]
    assert list(find_leaks(replace(experiment, folds=(fold,)))) == []


def test_a_person_on_two_sides_is_found_whatever_the_protocol_did(base: Config, clips: Listed, tmp_path: Path):
    experiment = load_experiment(replace(base, data=clips.data(tmp_path)))
    fold = max(experiment.folds, key=lambda one: len(one.test))
    broken = replace(fold, train=(*fold.train, fold.test[0]), test=fold.test[1:])
    (leak,) = find_leaks(replace(experiment, folds=(broken,)))
    assert (leak.kind, leak.who) == ("same_person", (f"own0:{fold.name.removeprefix('own0-')}",))


def test_spellings_of_one_person_have_one_code(base: Config, clips: Listed, tmp_path: Path):
    table = load_experiment(replace(base, data=clips.data(tmp_path))).table
    spelled = ["S01", "s1", "s001", "s_1", "s-1", "s11", "1"]
    sets = ["a"] * 5 + ["b", "smic", "smic_e"]
    frame = table.frame.iloc[:8].assign(subject=[*spelled[:5], "s01", "3", "03"], dataset=sets)
    codes = person_codes(replace(table, frame=frame, classes=tuple(sorted(set(frame["label"])))))
    assert len({*codes[:3]}) == 1 and codes[3] == codes[4] != codes[0]
    assert codes[5] != codes[0] and codes[6] == codes[7]


@pytest.mark.parametrize("where", ["stage", "cotrain"])
def test_a_tested_clip_in_other_training_data_is_found(base: Config, clips: Listed, tmp_path: Path, where: str):
    others = listed(base, seed=5)
    hidden = clips.copied(tmp_path / "hidden", "quite_new", jpeg, count=1)
    (tmp_path / "own").mkdir()
    config = replace(base, data=clips.data(tmp_path / "own"))

    def beside(data: ManifestData) -> Config:
        if where == "cotrain":
            return replace(config, cotrain=CotrainConfig(data=data))
        return replace(config, stages={"macro": StageConfig(data=data, optim=config.optim)})

    assert found(beside(others.data(tmp_path))) == []
    (leak,) = found(beside(others.plus(hidden).data(tmp_path)))
    key = "cotrain" if where == "cotrain" else "stages.macro"
    assert leak.who == (key, "own0:quite_new", f"own0:{clips.rows[0]['subject']}")
    assert hidden.rows[0]["path"] in leak.rows[0] and clips.rows[0]["path"] in leak.rows[0]
    # a copy byte by byte is known before: its person is left out wherever the clip is tested
    (tmp_path / "hidden").rename(tmp_path / "away")
    exact = clips.copied(tmp_path / "hidden", "quite_new", same_bytes, count=1)
    assert found(beside(others.plus(exact).data(tmp_path))) == []


def test_weights_say_whom_they_saw_and_may_not_meet_them_again(base: Config, tmp_path: Path):
    config = replace(base, data=SyntheticData(name="synthetic", subjects=3, clips=12, size=48))
    run(config, tmp_path / "first", console=Console(file=io.StringIO()))
    experiment = load_experiment(config)
    first = experiment.folds[0]
    path = run_files.fold_folder(tmp_path / "first", first.name) / run_files.CHECKPOINT
    told = checkpoint.read(path)["card"]["trained_on"]
    assert set(told["samples"]) == set(first.train)
    again = replace(config, init=InitConfig(name="file", path=str(path)))
    leaks_found = found(again)
    held_out = set(experiment.table.subjects[experiment.table.frame["sample_id"].isin(first.test)])
    assert {leak.kind for leak in leaks_found} == {"init"}
    assert (leaks.weights(config.init), leaks.weights(again.init)) == ("random", "known")
    assert any(line.startswith("Copies are not found") for line in leaks.describe_checks(experiment))
    assert any("pictures (byte by byte)" in line for line in leaks.describe_checks(load_experiment(again)))
    assert {leak.who[0] for leak in leaks_found} == set(experiment.table.subjects) - held_out
    # where only the person whom it did not see is tested, nothing meets
    assert list(find_leaks(replace(load_experiment(again), folds=(first,)))) == []
    # nor does another spelling of their ids hide them
    spelled = experiment.table.frame["subject"].str.upper().str.replace(r"(\d+)", r"00\1", regex=True)
    ids = [f"other/{k}" for k in range(len(experiment.table))]
    frame = experiment.table.frame.assign(subject=spelled, sample_id=ids)
    for column in ("onset_path", "apex_path"):  # not their bytes: pictures stored anew
        frame[column] = [str(jpeg(Path(one), tmp_path / f"{k}_{column}")) for k, one in enumerate(frame[column])]
    other = SampleTable(frame, experiment.table.classes, name="spelled otherwise")
    fold = replace(first, train=(), test=tuple(ids))
    met = find_leaks(replace(load_experiment(again), table=other, folds=(fold,)))
    hidden = set(other.subjects) - set(other.subjects[experiment.table.frame["sample_id"].isin(first.test)])
    assert {leak.who[0] for leak in met if leak.kind == "init"} == hidden
    # the same people under other names are known by their pictures, and what trained a stage is handed down
    frame = experiment.table.frame.assign(dataset="new", sample_id=[f"new/{k}" for k in range(len(experiment.table))])
    renamed = SampleTable(frame, experiment.table.classes, name="renamed")
    everyone = load_experiment(again)
    fold = replace(first, train=(), test=tuple(renamed.frame["sample_id"]))
    assert {leak.kind for leak in find_leaks(replace(everyone, table=renamed, folds=(fold,)))} == {"init"}


def test_a_kept_input_that_its_files_do_not_give_is_found(base: Config, clips: Listed, tmp_path: Path):
    experiment = load_experiment(replace(base, data=clips.data(tmp_path)))
    pixels = np.array(experiment.inputs)
    pixels[0] += 0.5
    assert [leak.kind for leak in find_leaks(replace(experiment, inputs=pixels))] == ["input"]


def test_what_balances_a_fold_looks_at_its_training_part_only(base: Config, clips: Listed, tmp_path: Path):
    config = replace(base, data=clips.data(tmp_path), optim=OptimConfig(epochs=1, batch_size=8, balance="weighted"))
    experiment = load_experiment(config)
    fold = experiment.folds[0]
    labels = experiment.table.frame["label"].where(~experiment.table.frame["sample_id"].isin(fold.test), "surprise")
    other = replace(experiment, table=replace(experiment.table, frame=experiment.table.frame.assign(label=labels)))
    one, two = (FoldDataModule(each.samples, fold, each.config).class_weights for each in (experiment, other))
    assert one == two


def test_a_waived_finding_stands_everywhere(base: Config, clips: Listed, tmp_path: Path):
    copy = clips.copied(tmp_path / "copy", "zed", jpeg, count=1)
    config = replace(base, data=clips.plus(copy).data(tmp_path))
    (leak,) = found(config)

    def waiving(*names: str) -> Config:
        return replace(config, protocol=ProtocolConfig(waive=list(names)))

    assert config_hash(waiving(leak.name)) == config_hash(config)
    for names in ((), ("equal_pixels",), ("near_pixels-000000",)):
        with pytest.raises(LeakError):
            leaks.audit_leaks(load_experiment(waiving(*names)))
    assert leaks.audit_leaks(load_experiment(waiving("near_pixels", "init")))["unused"] == ["init"]
    console = Console(file=io.StringIO(), width=200)
    results = run(waiving(leak.name), tmp_path / "run", console=console)
    assert [row["name"] for row in results["leaks"]["findings"]] == [leak.name]
    assert json.loads((tmp_path / "run" / run_files.RESULTS).read_text())["leaks"] == results["leaks"]
    assert json.loads((tmp_path / "run" / run_files.LEAKS).read_text()) == results["leaks"]
    report = (tmp_path / "run" / run_files.REPORT).read_text(encoding="utf-8")
    for text in (console.file.getvalue(), report):  # type: ignore[attr-defined]
        assert "Waived: 1 finding of the leak audit" in text and leak.name in text
    assert copy.rows[0]["path"] in report


def test_a_waiver_that_names_nothing_known_is_refused(base: Config):
    with pytest.raises(ConfigError, match=r"protocol\.waive: expected names of findings"):
        check_config(replace(base, protocol=ProtocolConfig(waive=["near_pixel"])))


def test_prints_of_mirrored_and_moved_pictures_are_those_of_the_pictures():
    rng = np.random.default_rng(0)
    frames = [cv2.resize(rng.integers(0, 256, (9, 9), dtype=np.uint8), (170, 136)) for _ in range(2)]
    whole, *views = clip_prints(*frames)
    flipped = clip_prints(*(np.ascontiguousarray(frame[:, ::-1]) for frame in frames))[0]
    changes = [whole[1]], [flipped[1]]
    ((*place, apart),) = near_duplicate_pairs(([whole[0]], changes[0]), ([flipped[0]], changes[1]))
    assert place == [0, 0] and apart < 0.01
    assert list(near_duplicate_pairs(([whole[0]], None), ([flipped[0]], None))) == []  # faces are nearly symmetric
    assert len(views) == len(VIEWS) == 10
    for (right, down, scale), (look, _) in zip(VIEWS, views, strict=True):
        x, y = (1 - scale) * 85 + right * 170, (1 - scale) * 68 + down * 136
        matrix = np.array([[scale, 0, x], [0, scale, y]], dtype=np.float32)
        big = cv2.warpAffine(frames[1], matrix, (170, 136), borderMode=cv2.BORDER_REPLICATE)
        assert np.mean(clip_prints(None, big)[0][0] != look) < 0.03


def test_pairs_of_two_tables_against_a_slow_count():
    rng = np.random.default_rng(0)
    left, right = ([rng.random((2, 256)) < 0.5 for _ in range(n)] for n in (5, 7))
    right[3] = left[1] ^ (rng.random((2, 256)) < 0.01)
    right[6] = left[4] ^ (rng.random((2, 256)) < 0.05)
    slow = [(a, b, np.mean(left[a] != right[b])) for a in range(5) for b in range(7)]
    near = list(near_duplicate_pairs(([*left, None], None), (right, None)))
    assert np.array(near) == pytest.approx(np.array([row for row in slow if row[2] <= 0.02]))
    same = [rng.random((2, 256)) < 0.5 for _ in range(7)]
    assert list(near_duplicate_pairs((left, same[:5]), (right, same))) == []  # changes of (1, 3) and (4, 6) are others
    near = list(near_duplicate_pairs((left, [same[3], same[3], None, None, same[6]]), (right, same)))
    assert [(a, b) for a, b, _ in near] == [(1, 3), (4, 6)]
