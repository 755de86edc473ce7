"""Load the synthetic corpus of drawn faces: call `load` for the samples, `load_truth` for a clip's ground truth.

    python -m mer.data.synthetic --layout samm --out DIR    (writes an official layout; more with --help)

Contract: `load` draws the key frames once into a folder of the cache and returns the table. The folder's name depends
on the configuration and `DRAWING`; it is renamed into place when complete. Clips with a damaged or missing file are
drawn again. Ground truth is stored beside the frames.
"""

from __future__ import annotations

import zipfile
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from mer.config import SyntheticData
from mer.data.samples.table import SampleTable
from mer.data.synthetic.clip_design import config_errors, design_clips
from mer.data.synthetic.clip_rendering import ClipSpec, GroundTruth, ground_truth, render_frame
from mer.data.synthetic.profiles import PROFILES
from mer.errors import ConfigError, MerError
from mer.utils.atomic_files import hidden_folder, write_folder_atomically
from mer.utils.hashing import digest
from mer.utils.png_files import is_whole_png

__all__ = ["config_errors", "design_clips", "load", "load_truth"]

#: Version of the drawing, part of the name of a cached corpus. Raise it with every change of a pixel or a row.
DRAWING = 4

#: Versions of the libraries; another version may draw other pixels.
LIBRARIES = [cv2.__version__, np.__version__]

_KEYS = ("onset", "apex", "offset")


def load(data: SyntheticData, cache_dir: Path) -> SampleTable:
    """Return the synthetic corpus of a configuration, drawn on the first call (seconds) and cached in `cache_dir`.

    Raises:
        ConfigError: a value is invalid.
    """
    check_design(data)
    specs = design_clips(data)
    # whole=false is left out, so that folders of earlier versions are found
    drawn = {key: value for key, value in asdict(data).items() if key != "labels" and (key, value) != ("whole", False)}
    kind = _dataset(data)
    name = digest({"drawing": DRAWING, "libraries": LIBRARIES, **drawn})
    folder = Path(cache_dir).expanduser().resolve() / "synthetic" / name
    if folder.is_dir():
        _redraw_damaged(folder, specs, whole=data.whole)
    else:
        _draw_into(folder, specs, whole=data.whole)
    classes = tuple(PROFILES[data.profile].counts)
    notes = (
        f"Drawn faces ({'posed, ' if data.posed else ''}profile {data.profile}, difficulty {data.difficulty:g}, seed "
        f"{data.seed}); no person was recorded, and scores on them say nothing of scores on real faces.",
    )
    frame = pd.DataFrame([_row(folder, spec, kind, data.whole) for spec in specs])
    return SampleTable(frame, classes, name=f"{kind.replace('_', ' ')} corpus", notes=notes, synthetic=True)


def load_truth(onset_path: str | Path) -> GroundTruth:
    """Return the ground truth of the clip with this onset image in the synthetic corpus."""
    path = Path(onset_path)
    with np.load(path.with_name(path.name.rsplit("_", 1)[0] + ".npz")) as file:
        return GroundTruth(file["flow"].astype(np.float32), file["expression"].astype(np.float32), file["mask"])


def _files(folder: Path, spec: ClipSpec, whole: bool) -> dict[str, Path]:
    """Return the paths of a clip's key frames and ground truth; a whole clip has its own folder."""
    place = folder / spec.subject_name / spec.name if whole else folder / spec.subject_name
    files = {key: _image(place, spec, getattr(spec, key)) for key in _KEYS}
    return {**files, "truth": place / f"{spec.name}.npz"}


def _image(place: Path, spec: ClipSpec, frame: int) -> Path:
    return place / f"{spec.name}_{frame:05d}.png"


def _dataset(data: SyntheticData) -> str:
    """Return the name of the corpus in ids; posed and other clips show different people."""
    return "synthetic_macro" if data.posed else "synthetic"


def _row(folder: Path, spec: ClipSpec, dataset: str, whole: bool) -> dict[str, object]:
    """Return the clip's row of the sample table."""
    files = _files(folder, spec, whole)
    return {
        "sample_id": f"{dataset}/{spec.subject_name}_{spec.name}",
        "dataset": dataset,
        "subject": spec.subject_name,
        "clip": spec.name,
        **{key: getattr(spec, key) for key in _KEYS},
        "apex_source": "annotated",
        "aus": "+".join(spec.aus),
        "emotion": spec.emotion,
        "label": spec.label,
        **{f"{key}_path": str(files[key]) for key in _KEYS},
        "folder": str(files["truth"].parent) if whole else "",
    }


def _draw_into(folder: Path, specs: list[ClipSpec], *, whole: bool) -> None:
    """Draw all frames and ground truths; the folder appears when it is complete."""
    # another process may finish first, with an equal corpus
    with write_folder_atomically(folder, keep=folder.is_dir) as partial:
        for spec in sorted(specs, key=lambda spec: spec.subject):
            _draw_clip(partial, spec, whole=whole)


def _redraw_damaged(folder: Path, specs: list[ClipSpec], *, whole: bool) -> None:
    """Draw clips with a missing or damaged file again; replace each file by renaming."""
    damaged = [spec for spec in specs if not _is_whole(folder, spec, whole=whole)]
    if not damaged:
        return
    with hidden_folder(folder) as work:
        for spec in sorted(damaged, key=lambda spec: spec.subject):
            for path in _draw_clip(work, spec, whole=whole):
                target = folder / path.relative_to(work)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)


def _is_whole(folder: Path, spec: ClipSpec, *, whole: bool) -> bool:
    *pictures, truth = _paths(folder, spec, whole=whole).values()
    return zipfile.is_zipfile(truth) and all(is_whole_png(path) for path in pictures)


def _paths(folder: Path, spec: ClipSpec, *, whole: bool) -> dict[int | str, Path]:
    """Return the path of each drawn frame by its number, then the path of the ground truth."""
    truth = _files(folder, spec, whole)["truth"]
    numbers = range(spec.onset, spec.offset + 1) if whole else (spec.onset, spec.apex, spec.offset)
    return {**{number: _image(truth.parent, spec, number) for number in numbers}, "truth": truth}


def _draw_clip(folder: Path, spec: ClipSpec, *, whole: bool) -> list[Path]:
    """Draw the frames and the ground truth of a clip; return their paths."""
    paths = _paths(folder, spec, whole=whole)
    paths["truth"].parent.mkdir(exist_ok=True, parents=True)
    for number, path in paths.items():
        if isinstance(number, int) and not cv2.imwrite(str(path), render_frame(spec, number)):
            raise MerError(f"{path}: could not be written. Check the space and the permissions of cache_dir.")
    known = ground_truth(spec)
    # half precision keeps a thousandth of a pixel, enough for motions of a few pixels
    np.savez_compressed(
        paths["truth"],
        flow=known.flow.astype(np.float16),
        expression=known.expression.astype(np.float16),
        mask=known.mask,
    )
    return list(paths.values())


def check_design(data: SyntheticData) -> None:
    """Raise a ConfigError if a value of `data` is invalid."""
    found = config_errors(data)
    if found:
        raise ConfigError(found)
