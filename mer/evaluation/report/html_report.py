"""`report.html`: a run for people to read, in one file that needs nothing else.

Contract: `write_report` is a pure function of the run's folder; the same folder gives the same bytes. Everything is
inline (style, SVG, PNG), nothing is loaded, no script runs. What a run does not have is said, with the reason.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mer import finished_folders, run_files
from mer.evaluation import caveats
from mer.evaluation.predictions import read_predictions
from mer.evaluation.report import published_results
from mer.evaluation.report.input_images import (
    attention_picture,
    data_uri,
    flow_colour_wheel,
    input_picture,
    is_motion,
    resized,
)
from mer.evaluation.report.svg_figures import curve_panels, reliability_diagram
from mer.evaluation.report.templating import write_page
from mer.utils.atomic_files import read_json
from mer.utils.csv_files import read_csv

TEMPLATE = "report.html.j2"
#: Most cells a side of an attention map without its input; 56 cells, as of early stages, could draw a face.
CELLS = 14
#: Longest side in pixels of a picture in the report.
PICTURE = 128


def write_report(run: str | Path, *, inputs: bool = False) -> Path:
    """Path of the report, written from what lies in the run's folder.

    `results.json` and `predictions.csv` must be there; curves, attention maps, failures, manifest and configuration are
    shown where they are.

    Args:
        run: the run's folder.
        inputs: whether the network's inputs are shown; without, attention maps stand on a blank ground, so that no
            participant's face leaves the machine with the report.
    """
    run = Path(run)
    return write_page(run / run_files.REPORT, TEMPLATE, _context(run, inputs=inputs))


def _context(run: Path, *, inputs: bool) -> dict[str, Any]:
    """Return all values that the template shows."""
    results = _json(run / run_files.RESULTS)
    manifest = _json(run / run_files.MANIFEST)
    folders = finished_folders.completed_folds(run)
    samples = list(_attention(folders, read_predictions(run / run_files.PREDICTIONS), inputs=inputs))
    return {
        **run_context(run, results),
        "headings": caveats.HEADINGS,
        "remarks": caveats.remarks(results),
        "best": caveats.best_baseline(results),
        "margin": caveats.margin(results),
        "reliability": reliability_diagram(results.get("calibration") or {"bins": []}),
        "members": caveats.members(results),
        "sanity": caveats.null_tests(results),
        "published": published_results.matching_table(published_results.comparison_key(results)),
        "subjects": _subjects(read_predictions(run / run_files.PREDICTIONS)),
        "attention": samples,
        "inputs_shown": inputs,
        "no_attention": _why_no_attention(manifest),
        "wheel": data_uri(flow_colour_wheel(64)) if any(sample["motion"] for sample in samples) else None,
    }


def run_context(run: Path, results: dict[str, Any]) -> dict[str, Any]:
    """What every report shows, whatever the run recognises: warnings, audit, curves, folds, notes, provenance."""
    config = run / run_files.CONFIG
    curves = [folder / run_files.CURVES for folder in finished_folders.completed_folds(run)]
    return {
        "results": results,
        "warnings": caveats.warnings(results),
        "unseen": caveats.unseen_claim(results),
        "leak_lines": caveats.leak_lines(results),
        "leaks": (results.get("leaks") or {}).get("findings", []),
        "panels": curve_panels([pd.read_csv(path) for path in curves if path.is_file()]),
        "folds": _folds(run),
        "failures": [_failure(run, row) for row in results["failed_folds"]],
        "provenance": _provenance(results, _json(run / run_files.MANIFEST)),
        "registration": _png(run / run_files.REGISTRATION) if results.get("registration") else None,
        "config": config.read_text(encoding="utf-8") if config.is_file() else None,
    }


def _json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file; empty if it is missing."""
    return read_json(path) if path.is_file() else {}


def _png(path: Path) -> str | None:
    """A picture in a `data:` address; None where there is none."""
    return f"data:image/png;base64,{b64encode(path.read_bytes()).decode('ascii')}" if path.is_file() else None


def _subjects(predictions: pd.DataFrame) -> list[dict[str, Any]]:
    """Return correct and all clips of each subject, by data set, then by accuracy, then by id."""
    hits = predictions["label"] == predictions["predicted"]
    groups = hits.groupby([predictions["dataset"].astype(str), predictions["subject"].astype(str)])
    found = [(dataset, subject, int(part.sum()), len(part)) for (dataset, subject), part in groups]
    most = max((clips for _, _, _, clips in found), default=1)
    return [
        {
            "dataset": dataset,
            "subject": subject,
            "right": right,
            "clips": clips,
            "right_width": 100 * right / most,
            "clips_width": 100 * clips / most,
        }
        for dataset, subject, right, clips in sorted(found, key=lambda row: (row[0], -row[2] / row[3], row[1]))
    ]


def _attention(folders: list[Path], predictions: pd.DataFrame, *, inputs: bool) -> Iterator[dict[str, Any]]:
    """Return pictures, ranges and predictions of every sample with attention maps."""
    answers = predictions.set_index("sample_id")
    for folder in folders:
        path = folder / run_files.ATTENTION
        if not path.is_file():
            continue
        with np.load(path) as kept:
            for place, sample in enumerate(kept["sample_ids"].astype(str)):
                image = kept["images"][place] if inputs else np.zeros_like(kept["images"][place])
                maps = [(int(stage), kept[f"map_{stage}"][place]) for stage in kept["stages"]]
                yield {
                    "sample": sample,
                    "label": answers.loc[sample, "label"],
                    "predicted": answers.loc[sample, "predicted"],
                    "motion": is_motion(image),
                    "picture": data_uri(resized(input_picture(image), longest=PICTURE)) if inputs else None,
                    "maps": [_map(image, stage, values, inputs=inputs) for stage, values in maps],
                }


def _map(image: np.ndarray, stage: int, values: np.ndarray, *, inputs: bool) -> dict[str, Any]:
    # fine maps could draw the edges of the face that is not to be shown
    shown = values if inputs else resized(values.astype(np.float32), longest=CELLS)
    return {
        "stage": stage,
        "picture": data_uri(resized(attention_picture(image, shown), longest=PICTURE)),
        "range": _range(float(values.min()), float(values.max())),
        "size": f"{values.shape[0]}×{values.shape[1]}",
    }


def _range(low: float, high: float) -> str:
    """Return `0.481–0.522`, or one number if both look the same."""
    ends = sorted({f"{low:.3f}", f"{high:.3f}"})
    return "–".join(ends)


def _why_no_attention(manifest: dict[str, Any]) -> str:
    config = manifest.get("config", {})
    if config.get("model.backbone") == "templates":
        return (
            "Templates have no attention units; what they compare with: "
            "python -m mer.weights picture RUN/folds/FOLD/model.ckpt OUT.png"
        )
    if config.get("model.attention.stages") == []:
        return "The network has no attention units (model.attention.stages is empty)."
    unit = config.get("model.attention.unit", "micro")
    if unit == "none":
        return "The network has no attention units (model.attention.unit is none)."
    if config.get("evaluation.attention_samples") == 0:
        return "None were kept (evaluation.attention_samples is 0)."
    if unit != "micro":
        return f"None were kept: no fold finished, or {unit} has none (a unit that weighs channels has no map)."
    return "None were kept by the folds that finished."


def _folds(run: Path) -> list[dict[str, Any]]:
    """Return the rows of `folds.csv`, blanks as None."""
    path = run / run_files.FOLDS
    if not path.is_file():
        return []
    table = read_csv(path, dtype={"fold": str, "error": str})
    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()} for row in table.to_dict("records")
    ]


def _failure(run: Path, row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "traceback": _json(run_files.failure_file(run, row["fold"])).get("traceback")}


def _provenance(results: dict[str, Any], manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (name, value) of everything the numbers depend on; unknown ones are left out."""
    rows = {
        "configuration": results["config_hash"],
        "data": results["data_hash"],
        "seed": str(results["seed"]),
        "started": manifest.get("started"),
        "code": _commit(manifest.get("git")) if "git" in manifest else None,
        "machine": manifest.get("platform"),
        "processors": _processors(manifest),
        "Python": manifest.get("python"),
        **manifest.get("versions", {}),
    }
    return [(name, str(value)) for name, value in rows.items() if value]


def _commit(git: dict[str, Any] | None) -> str:
    if git is None:
        return "an installed package, not a checkout"
    return f"{git['commit']}{', with uncommitted changes' if git['dirty'] else ''}"


def _processors(manifest: dict[str, Any]) -> str | None:
    if "cpu_count" not in manifest:
        return None
    gpus = ", ".join(manifest.get("gpus", [])) or "no GPU"
    return f"{manifest['cpu_count']} CPU cores, {gpus}"
