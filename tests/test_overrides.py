"""Command lines with mistakes and with odd paths: what is read, and what is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from mer import run_files
from mer.compose import check_overrides, load_config, stored_config
from mer.errors import ConfigError, MerError
from mer.overrides import readable, with_output_folder
from tests.helpers.command import command

ODD = [
    "CAS(ME)^2",
    "it's",
    "two words",
    "a=b",
    "a,b",
    "ü é",
    "中文",
    'quo"te',
    "[x]",
    "{x}",
    "a#b&c;d",
    "end\\",
    "x\\'y",
]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("there", [True, False], ids=["there", "missing"])
def test_any_path_is_read_as_it_is(name: str, there: bool, tmp_path: Path) -> None:
    folder = tmp_path / name
    if there:
        folder.mkdir()
    elif name == "a,b":
        pytest.skip("several values, unless there is such a folder")
    assert load_config(["data=samm", f"data.root={folder}"]).data.root == str(folder)  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", ["mer.run", "mer.audit", "mer.prepare"])
def test_every_command_takes_such_a_folder(module: str, tmp_path: Path) -> None:
    folder = tmp_path / "it's CAS(ME)^2"
    folder.mkdir()
    done = command(module, "data=casme_sq", f"data.root={folder}", cwd=tmp_path)
    assert done.returncode == 2
    assert str(folder) in done.stderr and "CAS(ME)^2" in done.stderr and "mismatched" not in done.stderr


def test_a_sweep_keeps_its_commas_and_quotes_what_needs_it() -> None:
    assert readable(["-m", "data.root=/é,/a", "seed=0,1"], sweep=True) == ["-m", "data.root='/é',/a", "seed=0,1"]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("logger=wandbb", "did you mean logger=wandb?"),
        ("loger=wandb", "did you mean logger?"),
        ("init.pth=3", "did you mean init.path?"),
        ("protocol=losso", "did you mean protocol=loso?"),
        ("protocol.valdation=0.1", "did you mean protocol.validation?"),
        ("+experiment=samm_los", "did you mean +experiment=samm_loso?"),
        ("experiment=samm_loso", "with a plus: +experiment=samm_loso"),
        ("++optim.lrr=2", "did you mean optim.lr?"),
        ("lr=0.1", "did you mean optim.lr?"),
        ("~sed", "did you mean seed?"),
        ("+seed=1", "without the plus: seed=1"),
        ("hydra.run.dirr=x", "did you mean hydra.run.dir?"),
        ("data.root=/x", "chooses another data set"),
        ("optim.lr=abc", "expected a number, got 'abc'"),
        ("members=", "expected a whole number"),
        ("dry_run=maybe", "expected true or false"),
        ("seed", "expected KEY=VALUE"),
        ("seed=1,2", "mer run -m seed=1,2"),
        ("--cfgg", "no such option"),
    ],
)
def test_a_mistake_is_told_the_nearest_in_our_words(override: str, words: str) -> None:
    with pytest.raises(ConfigError) as found:
        load_config([override])
    assert words in str(found.value)
    for word in ("append to your", "hydra.cc", "search path", "HYDRA_FULL_ERROR", "schema_"):
        assert word not in str(found.value)


def test_all_mistakes_are_told_at_once_and_those_of_a_sweep_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as found:
        load_config(["logger.mod=online", "protocl=loso", "optm.lr=1", "seed=x"])
    assert len(found.value.errors) == 4
    with pytest.raises(ConfigError, match="model=resnet"):
        check_overrides(["model=micro_attention,resnett", "seed=0,1"], sweep=True)
    for more in ((), ("-m",)):
        done = command("mer.run", *more, "loger=csv", "hydra.run.dir=run", "hydra.sweep.dir=run", cwd=tmp_path)
        assert done.returncode == 2 and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_run_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command("mer.run", "+experiment=synthetic_loso", "hydra.run.dir=file/run", cwd=tmp_path)
    assert done.returncode == 2
    assert "file/run" in done.stderr and "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("key", ["hydra.run.dir", "hydra.sweep.dir"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("/dev/null/x", "/dev/null is a file"),
        ("/dev/null", "/dev/null is a file"),
        ("/proc/nowhere", "in /proc"),
        ("x" * 300, "name too long"),
        ("", "an empty name"),
        ("link", "is a link to nothing"),
        ("loop/x", "symbolic links"),
        ("file/${name}", "is a file"),
    ],
)
def test_a_folder_that_cannot_be_written_is_told_by_its_option(
    key: str, value: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(MerError) as found:
        with_output_folder(["seed=1", f"{key}={value}"], sweep="sweep" in key)
    assert words in str(found.value)
    assert str(found.value).startswith(f"{key}: expected a folder") and f"{key}=FOLDER" in str(found.value)
    # of the other kind of run, nobody asks
    assert with_output_folder([f"{key}={value}"], sweep="sweep" not in key) == [f"{key}={value}"]


def test_home_is_not_a_folder_of_the_name_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert with_output_folder(readable(["hydra.run.dir=~/it"]), sweep=False) == [f"hydra.run.dir='{tmp_path}/it'"]


@pytest.mark.parametrize(
    "overrides",
    [[], ["data=megc2019", "+data@cotrain.data=motion_prior"], ["transfer=macro"], ["data=samm", "data.root=/it's"]],
)
def test_what_a_run_was_asked_for_is_read_back_from_its_folder(overrides: list[str], tmp_path: Path) -> None:
    config = load_config(overrides)
    whole = OmegaConf.to_container(OmegaConf.structured(config), resolve=True)
    (tmp_path / run_files.CONFIG).write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    (tmp_path / run_files.MANIFEST).write_text("{}")
    assert stored_config(tmp_path) == config
    assert stored_config(tmp_path, ["trainer.parallel_folds=3"]).trainer.parallel_folds == 3


def test_resume_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(MerError, match="there is no such folder"):
        stored_config(tmp_path / "nowhere")
    done = command("mer", "run", f"resume={tmp_path}", cwd=tmp_path)
    assert done.returncode == 2 and "expected the folder of a run" in done.stderr
    done = command("mer", "run", "resume=", cwd=tmp_path)  # of a variable that is not set
    assert done.returncode == 2 and "an empty name" in done.stderr
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / run_files.MANIFEST).write_text("{}")
    with pytest.raises(MerError, match=f"resume={tmp_path / '3'}$"):
        stored_config(tmp_path)


def test_resume_of_a_run_of_another_version_says_so(tmp_path: Path) -> None:
    whole = OmegaConf.to_container(OmegaConf.structured(load_config([])), resolve=True)
    assert isinstance(whole, dict)
    (tmp_path / run_files.CONFIG).write_text(yaml.safe_dump({**whole, "later": 1}, sort_keys=False))
    (tmp_path / run_files.MANIFEST).write_text("{}")
    with pytest.raises(MerError, match=r"later.*this version of mer"):
        stored_config(tmp_path)
