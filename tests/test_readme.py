"""Commands of README, running.md and video.md run, on the tiny drawn corpus; files and options they name exist."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mer.__main__ import COMMANDS
from mer.compose import check_overrides
from mer.config import ModelConfig
from mer.inputs.frames.image_files import write_image
from mer.models import build, checkpoint
from mer.run import conf_dir, run
from tests.conftest import tiny
from tests.helpers.command import DRAWN_FEW, TINY, TINY_RECIPE, command, process
from tests.helpers.videos import pictures, write_video
from tests.test_config import composed
from tests.test_run import rows, with_onsets, write_manifest

ROOT = Path(__file__).resolve().parent.parent
#: The README and the pages whose commands are executed with it.
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/running.md", "docs/video.md")}
RESULTS = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
README = PAGES["README.md"]
LINES = {
    line: shlex.split(line, comments=True)
    for page in PAGES.values()
    for block in re.findall(r"```bash\n(.*?)```", page, flags=re.S)
    for line in block.splitlines()
    if line.strip()
}
#: Each command once, though two pages may show it.
MER = [list(words) for words in dict.fromkeys(map(tuple, LINES.values())) if words[0] in ("mer", "python")]
MAKE = [words for words in LINES.values() if words[0] == "make"]
#: Options of a drawn video that is read in a second.
DRAWN_VIDEO = ("--seconds", "1", "--rate", "40", "--size", "160", "120", "--plain")
#: Words of commands that take long; a shorter one of the same kind runs with the quick tests.
SLOW = {
    *("+experiment=manifest_network", "net.onnx", "model.attention.stages=[],[1],[4],[1,2,3,4]"),
    *(f"+sweep={name}" for name in ("attention_placement", "depth_placement", "augmentation", "optimiser")),
    "hydra.run.dir=outputs/prior",
    *("+experiment=casme2_loso", "+experiment=smic_loso"),
}


@pytest.fixture(scope="module")
def workplace(cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the README names: trees in the official layouts, a manifest, a checkpoint, two runs."""
    folder = tmp_path_factory.mktemp("readme")
    size = ("--subjects", "3", "--clips", "12", "--size", "64")
    for layout in ("samm", "casme2", "smic"):
        done = command("mer.data.synthetic", "--layout", layout, "--out", f"data/{layout}", *size, cwd=folder)
        assert done.returncode == 0, done.stderr
    for seed, name in enumerate(("first", "second")):
        config = tiny(cache_dir)
        run(replace(config, seed=seed, model=replace(config.model, width=8)), folder / "outputs" / name)
    (folder / "list").mkdir()
    write_manifest(folder / "list", rows())
    (folder / "faces").mkdir()
    write_manifest(folder / "faces", with_onsets(rows()))
    card = {"classes": ["a", "b"], "input": {"representation": "flow", "size": 28}}
    model = ModelConfig(width=16)
    network = build(model, in_channels=3, classes=2)
    checkpoint.save(folder / "outputs/demo/folds/synthetic-s000/model.ckpt", network, model=model, card=card)
    drawn = composed("+experiment=motion_prior", "data=synthetic", "input=flow").model
    templates = build(drawn, in_channels=3, classes=2)
    checkpoint.save(folder / "outputs/prior/folds/all/model.ckpt", templates, model=drawn, card=card)
    done = command("mer", "synthetic", "video", "clips/drawn.mp4", *DRAWN_VIDEO, cwd=folder)
    assert done.returncode == 0, done.stderr
    write_video(folder / "clips" / "none.mp4", pictures(6))
    for number, picture in enumerate(pictures(6)):
        write_image(folder / "images" / f"{number}.png", picture)
    (folder / "given.csv").write_text("video,onset,apex,offset\nclips/drawn.mp4,5,10,15\n", encoding="utf-8")
    return folder


def test_the_readme_is_short_and_has_commands():
    assert len(README.splitlines()) <= 120
    assert len(MER) >= 15 and len(MER) + len(MAKE) == len(set(map(tuple, LINES.values()))), LINES
    assert [line[1] for line in MAKE] == ["demo", "test"]


@pytest.mark.parametrize("line", MAKE, ids=" ".join)
def test_every_make_target_exists(line: list[str]):
    # CI runs the targets themselves; here they are only looked up
    done = subprocess.run(["make", "-n", *line[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "line",
    [pytest.param(one, marks=[pytest.mark.slow] if SLOW & set(one) else [], id=" ".join(one)) for one in MER],
)
def test_every_command_runs(line: list[str], workplace: Path, cache_dir: Path):
    program, module, arguments = called(line)
    arguments = [
        {
            "data.root=/path/to/SAMM": "data.root=data/samm",
            "data.root=trees/samm": "data.root=data/samm",  # of a command that another process may run
            "data.root=/path/to/CASME2": "data.root=data/casme2",
            "data.root=/path/to/SMIC": "data.root=data/smic",
            "data.manifest=/path/to/manifest.csv": "data.manifest=list/manifest.csv",
            "data.manifest=/path/to/frames.csv": "data.manifest=faces/manifest.csv",
            "drawn.mp4": "drawn.mp4" if arguments[:1] == ["video"] else "clips/drawn.mp4",
            "/path/to/clip.mp4": "clips/drawn.mp4" if "--onset" in arguments else "clips/none.mp4",
            "/path/to/clips": "clips",
            "/path/to/frames": "images",
            "/path/to/given.csv": "given.csv",
            "outputs/synthetic_loso/sweep_TIME": "outputs/first",
        }.get(argument, argument)
        for argument in arguments
    ]
    if arguments[:1] == ["video"]:
        arguments += DRAWN_VIDEO
    elif module == "mer.predict_videos":
        # the shell's part
        arguments = [
            str(one) for word in arguments for one in (sorted(workplace.glob(word)) if "*" in word else [word])
        ]
    elif module == "mer.data.synthetic":
        arguments += ["--subjects", "3", "--clips", "12", "--size", "64"]
    elif module == "mer.benchmark":
        arguments += ["--side", "28", "--batch", "2", "--rounds", "2", "--units", "micro"]
    elif module == "mer.prepare":
        arguments += [*TINY, f"cache_dir={cache_dir}"]
    elif module == "mer.run":
        arguments += TINY if {"+experiment=synthetic_loso", "data=synthetic"} & {*arguments} else TINY_RECIPE
        drawn = {"+experiment=manifest_loso", "+experiment=manifest_network", "+experiment=motion_prior"} & {*arguments}
        arguments += DRAWN_FEW if drawn else ()
        arguments += ["protocol.inner=2"] if "task=action_units" in arguments else []  # two people are left to train on
        arguments += ["cotrain.data.maps=60"] if "+experiment=manifest_loso" in drawn else []
        # a run of its own, not that of the checkpoint above
        arguments = [argument.replace("outputs/prior", "outputs/drawn") for argument in arguments]
        arguments += [f"cache_dir={cache_dir}"]
    # optuna warns while it is imported, and warnings are errors in this process
    started = process if "+sweep=optimiser" in arguments else command
    done = started(*program, *arguments, cwd=workplace)
    # the audit ends with 1 where a set has fewer clips than published, as these small trees have
    assert done.returncode in ((0, 1) if module == "mer.audit" else (0,)), done.stdout + done.stderr


@pytest.mark.parametrize("line", ["mer sweep outputs/none", "python -m mer.sweep outputs/none"])
def test_both_ways_to_call_a_command_are_one(line: str, workplace: Path):
    program, module, arguments = called(shlex.split(line))
    assert (module, arguments) == ("mer.sweep", ["outputs/none"])
    done = command(*program, *arguments, cwd=workplace)
    assert done.returncode == 2 and "outputs/none" in done.stderr


def called(line: list[str]) -> tuple[list[str], str, list[str]]:
    """Module and first words to run a command line by, as it is written; the module that it reaches; its arguments."""
    if line[0] == "mer":
        return ["mer", line[1]], COMMANDS[line[1]][0], line[2:]
    assert line[:2] == ["python", "-m"]
    return [line[2]], line[2], line[3:]


COMPOSED = [shlex.split(line) for line in re.findall(r"`(mer run [^`]+)`", RESULTS)]


@pytest.mark.parametrize("line", COMPOSED, ids=" ".join)
def test_commands_of_results_compose(line: list[str]):
    sweep = line[2] == "-m"
    check_overrides(line[3 if sweep else 2 :], sweep=sweep)


def test_figures_of_the_readme_are_those_of_the_results():
    rows = re.findall(r"^\| .* \| (.*) \|$", README.partition("## Results")[2].partition("## Read on")[0], flags=re.M)
    figures = [figure for row in rows[1:] for figure in re.findall(r"[+-]?\.\d+", row)]
    assert len(figures) >= 10
    assert [figure for figure in figures if figure not in RESULTS] == []
    assert len(COMPOSED) >= 8


def test_every_group_choice_in_the_readme_exists():
    choices = re.findall(r"`(\w+)=(\w+)[ `]", "".join(PAGES.values()))
    groups = {path.name for path in conf_dir().iterdir() if path.is_dir()}
    named = [(group, choice) for group, choice in choices if group in groups]
    assert len(named) >= 3
    for group, choice in named:
        assert (conf_dir() / group / f"{choice}.yaml").is_file(), f"{group}={choice}"


@pytest.mark.parametrize("name", [*PAGES, "docs/results.md"])
def test_every_link_to_a_file_leads_somewhere(name: str):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / name).read_text(encoding="utf-8"))
    assert links
    for link in links:
        assert ((ROOT / name).parent / link).exists(), link
