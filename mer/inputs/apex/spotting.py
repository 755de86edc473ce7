"""Spot apexes: find the frame of the strongest expression between annotated onset and offset, with `spot_apexes`.

Contract: a spotter takes grey frames (T, H, W) from onset to offset, filled by the face, and returns the index 0..T-1
of the apex; it sees one clip and no label. The table records which apexes were spotted, and how. `mer benchmark apex`
measures all spotters on drawn clips.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mer.config import InputConfig
from mer.data.loading.annotations import ALL
from mer.data.loading.file_search import frame_number
from mer.data.samples.schema import raise_for_rows
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs.apex.spotters import SPOTTERS
from mer.inputs.cache.cached_step import CachedStep, Files, Watch, ignore_step, plan_step
from mer.inputs.frames import clip_frames
from mer.inputs.frames.image_files import read_span, to_grey
from mer.utils.atomic_files import read_json, write_json
from mer.utils.disk_space import name_full_disk
from mer.utils.hashing import digest

#: Raise when a spotter finds another frame in the same clip.
CODE_VERSION = 1


def spot_apexes(
    table: SampleTable,
    config: InputConfig,
    cache_dir: Path,
    *,
    progress: bool = False,
    watch: Watch = ignore_step,
) -> SampleTable:
    """Return the table with apexes found by `config.apex`; the same table if that is `annotated`.

    Args:
        table: the samples; clips to search need `folder`, onset and offset.
        config: `apex`, a key of `SPOTTERS`, and `apex_for` are read.
        cache_dir: results are kept in `apex/<key>.json` in this folder.
        progress: whether to show a progress bar.
        watch: called with the step before it runs.

    Raises:
        SampleError: names every clip that cannot be searched.
    """
    if config.apex == "annotated":
        return table
    step = _plan(table, config, cache_dir, progress=progress)
    watch("apexes", step)
    return _apply(table, config, step, progress=progress)


def _plan(table: SampleTable, config: InputConfig, cache_dir: Path, *, progress: bool) -> CachedStep[str]:
    """Plan to spot apexes, without spotting any; entries are paths of frames."""
    files = [_span(row) for row in _asked(table, config)]

    def settings(clip: int, hashes: Mapping[str, bytes]) -> dict[str, Any]:
        own = files[clip]
        return {
            "files": None if isinstance(own, SampleError) else [hashes[path].hex()[:16] for path in own],
            "method": config.apex,
            **SPOTTERS.plugin_code(config.apex),
            "code": CODE_VERSION,
            "library": cv2.__version__,
        }

    def compute(clip: int, entry: Path, known: dict[str, Any]) -> str:
        own = files[clip]
        assert not isinstance(own, SampleError)  # `CachedStep` computes nothing for these
        found = SPOTTERS[config.apex](np.stack([to_grey(frame) for frame in read_span(own)]))
        index = {**known, "data": table.name, "frames": len(own), "place": found}
        with name_full_disk(entry.parent):
            write_json(entry, {**index, "check": digest(index)})
        return own[found]

    return plan_step(
        f"apexes of {table.name}",
        files,
        cache_dir,
        place="apex/{}.json",
        settings=settings,
        load=lambda clip, entry: _kept(entry, files[clip]),
        compute=compute,
        progress=progress,
    )


def _apply(table: SampleTable, config: InputConfig, step: CachedStep[str], *, progress: bool) -> SampleTable:
    """Return the table with the apexes of a step; errors as `spot_apexes`."""
    bad, found = [], {}
    with step.results(progress=progress) as results:
        for row, result in zip(_asked(table, config), results, strict=True):
            if isinstance(result, SampleError):
                bad.append(f"{row['sample_id']}: {result}")
            else:
                found[row["sample_id"]] = Path(result)
    remedy = "Complete their folders, or set input.apex=annotated and data.missing_apex."
    raise_for_rows(bad, f"{table.name}: clips in which no apex can be spotted:", remedy, shown=ALL)
    frame = table.frame.copy()
    for index, sample in enumerate(frame["sample_id"]):
        if sample in found:
            frame.loc[index, "apex_path"] = str(found[sample])
            frame.loc[index, "apex"] = frame_number(found[sample].name)
            frame.loc[index, "apex_source"] = "plugin" if SPOTTERS.plugin_code(config.apex) else config.apex
    note = f"The apex was looked for (input.apex={config.apex}) in {len(found)} of {len(table)} clips."
    return replace(table, frame=frame, notes=(*table.notes, note))


def config_errors(config: InputConfig) -> list[str]:
    """Return the errors in `input.apex`; the other options of the input are checked with the representation."""
    return SPOTTERS.unknown("input.apex", config.apex, also=("annotated",))


def _asked(table: SampleTable, config: InputConfig) -> list[dict[str, Any]]:
    """Return the rows whose apex has to be spotted."""
    rows: list[dict[str, Any]] = table.frame.to_dict("records")  # type: ignore[assignment]
    return [row for row in rows if config.apex_for == "all" or row["apex_source"] != "annotated"]


def _span(row: dict[str, str]) -> Files:
    try:
        return tuple(map(str, clip_frames.frames_between(row, "onset", "offset")))
    except SampleError as error:
        return error


def _kept(entry: Path, files: Files) -> str | None:
    """Return the frame found in a clip of these files, or None if the entry is absent or damaged."""
    try:
        index = read_json(entry)
        place, check = index["place"], index.pop("check", None)  # absent in entries of earlier versions
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if check not in (None, digest(index)):
        return None
    if isinstance(files, SampleError) or not isinstance(place, int) or not 0 <= place < len(files):
        return None
    return files[place]
