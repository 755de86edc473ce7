"""Write the dashboard of runs as one static page, from their folders: no account, no network, no script.

Contract: a pure function of the folders. Pictures of inputs are shown by the rule of a run's report: motion and drawn
people always, faces of participants only where `evaluation.pictures` was true.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from matplotlib.figure import Figure

from mer import finished_folders, run_files
from mer.evaluation import caveats
from mer.evaluation.comparison.effects import effect_figure, effect_table, verdict
from mer.evaluation.comparison.groups import config_labels
from mer.evaluation.comparison.heat_map import heat_map
from mer.evaluation.comparison.notes import no_result
from mer.evaluation.comparison.runs import ComparisonError, FinishedRun
from mer.evaluation.predictions import global_subjects
from mer.evaluation.report.input_images import data_uri
from mer.evaluation.report.plots import attention_figure
from mer.evaluation.report.svg_figures import curve_panels
from mer.evaluation.report.templating import write_page
from mer.inputs.representations.registry import REPRESENTATIONS

TEMPLATE = "dashboard.html.j2"
#: Most samples whose attention is shown, of each run.
SAMPLES = 4
#: Keys of the heat map, rows and columns.
PLACE = ("model.attention.stages", "model.depth")


def write_dashboard(path: Path, runs: Sequence[FinishedRun]) -> Path:
    """Write the page of runs on emotions to `path`; return `path`."""
    names = _names(runs)
    flags = [{"name": name, **caveats.score_flags(run.results)} for name, run in zip(names, runs, strict=True)]
    effects, said = _effects(runs)
    context = {
        "rows": [
            {
                "name": name,
                "results": run.results,
                "scores": run.results["scores"]["all"],
                "warnings": caveats.warnings(run.results),
            }
            for name, run in zip(names, runs, strict=True)
        ],
        "headings": caveats.HEADINGS,
        "synthetic": any(run.results["synthetic"] for run in runs),
        "no_result": no_result(flags),
        "heat_map": _picture(_placement(runs)),
        "effects": _picture(effects),
        "verdict": said,
        "people": people_table(runs, names),
        "names": names,
        "panels": [(name, curve_panels(_curves(run.folder))) for name, run in zip(names, runs, strict=True)],
        "attention": [(name, attention_pictures(run)) for name, run in zip(names, runs, strict=True)],
    }
    return write_page(path, TEMPLATE, context)


def people_table(runs: Sequence[FinishedRun], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row a subject: subject, clips, and the share of clips that each run has right (None: not tested)."""
    parts = []
    for name, run in zip(names, runs, strict=True):
        right = (run.predictions["label"] == run.predictions["predicted"]).groupby(global_subjects(run.predictions))
        parts.append(right.mean().rename(name))
    shares = pd.concat(parts, axis=1).sort_index()
    clips = pd.concat([global_subjects(run.predictions).value_counts() for run in runs], axis=1).max(axis=1)
    return [
        {"subject": subject, "clips": int(clips[subject]), "shares": [None if v != v else float(v) for v in row]}
        for subject, row in zip(shares.index, shares.to_numpy(), strict=True)
    ]


def attention_pictures(run: FinishedRun) -> list[tuple[str, str]]:
    """Return (sample id, `data:` URL of input and attention maps) of a few samples, if they may be shown."""
    if not _may_show(run):
        return []
    found: list[tuple[str, str]] = []
    for folder in finished_folders.completed_folds(run.folder):
        if (folder / run_files.ATTENTION).is_file():
            with np.load(folder / run_files.ATTENTION) as kept:
                for i, sample in enumerate(kept["sample_ids"]):
                    maps = {int(stage): kept[f"map_{stage}"][i] for stage in kept["stages"]}
                    found.append((str(sample), data_uri(attention_figure(kept["images"][i], maps))))
        if len(found) >= SAMPLES:
            break
    return found[:SAMPLES]


def _may_show(run: FinishedRun) -> bool:
    """Return whether inputs may be shown, as `mer.train.experiment.picture_consent` decides it for a run's report."""
    config = yaml.safe_load((run.folder / run_files.CONFIG).read_text(encoding="utf-8"))
    drawn = run.results["synthetic"] and len(run.results["scores"]["by_dataset"]) == 1
    name = config["input"]["representation"]
    shows_face = name not in REPRESENTATIONS or REPRESENTATIONS[name].shows_face  # a plugin's is not known here
    return bool(config["evaluation"]["pictures"] or drawn or not shows_face)


def _names(runs: Sequence[FinishedRun]) -> list[str]:
    """Return a name for each run: what differs, or its folder."""
    configs = [run.config for run in runs]
    keys = sorted({key for config in configs for key in config})
    differing = [key for key in keys if len({str(config.get(key)) for config in configs}) > 1]
    labels = config_labels(configs, differing) if differing else [run.results["experiment"] for run in runs]
    names = [caveats.name_prefix(run.results) + label for run, label in zip(runs, labels, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{name} ({run.folder.name})" for name, run in zip(names, runs, strict=True)]
    return names if len(set(names)) == len(names) else [f"{k}. {name}" for k, name in enumerate(names, 1)]


def _effects(runs: Sequence[FinishedRun]) -> tuple[Figure | None, str]:
    """Return the picture of differences to the first run, and the sentence that follows, or why there is none."""
    if len(runs) < 2:
        return None, ""
    try:
        table = effect_table(runs)
    except ComparisonError as error:
        return None, f"Not compared: {str(error).splitlines()[-1].strip()}."
    return (effect_figure(table), verdict(table)) if len(table) > 1 else (None, "These runs differ in the seed only.")


def _placement(runs: Sequence[FinishedRun]) -> Figure | None:
    """Return the heat map of UF1 over placement of attention and depth; None where one of them does not vary."""
    rows = []
    for run in runs:
        score = run.results["scores"]["all"]["uf1"]
        config = {key: run.config.get(key) for key in PLACE}
        rows.append(
            {
                **{key: str(value) if isinstance(value, list) else value for key, value in config.items()},
                "uf1": score["value"],
                "uf1_low": score["low"],
                "uf1_high": score["high"],
                "status": "done" if run.results["complete"] else "incomplete",
                "synthetic": run.results["synthetic"],
            }
        )
    table = pd.DataFrame(rows)
    if any(table[key].nunique(dropna=False) < 2 for key in PLACE):
        return None
    return heat_map(table, PLACE)


def _curves(folder: Path) -> list[pd.DataFrame]:
    paths = [one / run_files.CURVES for one in finished_folders.completed_folds(folder)]
    return [pd.read_csv(path) for path in paths if path.is_file()]


def _picture(figure: Figure | None) -> str:
    """Return a figure as a `data:` URL; "" without one."""
    if figure is None:
        return ""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
