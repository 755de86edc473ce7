"""Show one clip per subject as delivered, cropped and as network input, to check the data before training.

Contract: uses the same steps as a run (`pipeline`), for the chosen clips only; crops and apexes are cached as in a run,
arrays are not. Labels are shown but decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mer.config import Config, DataConfig
from mer.data import registry as catalog
from mer.data.samples.schema import validate_rows
from mer.data.samples.table import SampleTable
from mer.inputs import pipeline
from mer.inputs.frames.image_files import read_image
from mer.inputs.input_arrays import compute_rows

#: Most subjects shown of one source, evenly spaced in its table.
PEOPLE = 24


@dataclass(frozen=True)
class ClipPreview:
    """Store the pictures of one clip.

    Attributes:
        person: "dataset:subject".
        clip: its name.
        label: its class.
        frame: the onset frame as delivered (the apex if there is no onset), (H, W) or (H, W, 3); None if drawn.
        crop: the crop of that frame; None if it is not cropped.
        channels: the input (C, S, S); None if no face was found.
    """

    person: str
    clip: str
    label: str
    frame: np.ndarray | None
    crop: np.ndarray | None
    channels: np.ndarray | None


@dataclass(frozen=True)
class Section:
    """Store what is shown of one source: its key in the configuration, sentences about it, and its clips."""

    key: str
    lines: tuple[str, ...]
    clips: tuple[ClipPreview, ...]
    synthetic: bool


class FewClips(SampleTable):
    """Table of some clips of another table; not every class needs a clip."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", validate_rows(self.frame, self.name))


def preview(
    config: Config, *, view: Callable[[SampleTable], SampleTable], people: int = PEOPLE, progress: bool = False
) -> list[Section]:
    """Return the preview of each data source of a run.

    Args:
        config: configuration of the run.
        view: changes the run's own table before inputs are computed, e.g. to replace each apex by the onset.
        people: most subjects of each source.
        progress: whether to show progress bars.

    Raises:
        MerError: the data are missing or cannot be used.
    """
    return [
        _section(key, data, config, view if key == "data" else lambda table: table, people=people, progress=progress)
        for key, data in pipeline.sources(config).items()
    ]


def _section(
    key: str,
    data: DataConfig,
    config: Config,
    view: Callable[[SampleTable], SampleTable],
    *,
    people: int,
    progress: bool,
) -> Section:
    table = catalog.load_samples(data, pipeline.cache_of(config))
    first = table.frame.groupby(table.subjects, sort=False).head(1).index.to_numpy()
    rows = first[np.unique(np.linspace(0, len(first) - 1, min(people, len(first))).round().astype(int))]
    chosen = table.frame.loc[rows]
    inputs: dict[str, np.ndarray] = {}
    crops: dict[str, str] = {}
    if pipeline.is_drawn(data):
        inputs = dict(zip(chosen["sample_id"], pipeline.load_inputs(table, data, config)[rows], strict=True))
        faces = pipeline.faces_in_words(table, data, config)
    else:
        present = set(chosen["dataset"])
        uncropped = tuple(one for one in table.uncropped if one in present)
        few = FewClips(chosen, table.classes, name=table.name, synthetic=table.synthetic, uncropped=uncropped)
        lenient = replace(config, face=replace(config.face, missed="drop"))  # the sheet marks a clip without a face
        ready = pipeline.prepare_samples(few, lenient, progress=progress)
        pipeline.refuse_faces(ready, data, config)
        faces = pipeline.faces_in_words(ready, data, config)
        ids = ready.frame["sample_id"]
        inputs = dict(zip(ids, compute_rows(view(ready), config.input, range(len(ready))), strict=True))
        crops = dict(zip(ids, _first_frames(ready), strict=True))
    clips = []
    for person, path, row in zip(
        table.subjects.loc[rows], _first_frames(table, rows), chosen.to_dict("records"), strict=True
    ):
        crop = crops.get(row["sample_id"], path)
        clips.append(
            ClipPreview(
                person,
                row["clip"],
                row["label"],
                read_image(path) if path else None,
                read_image(crop) if crop != path else None,
                inputs.get(row["sample_id"]),
            )
        )
    many = f"{len(clips)} of {len(first)} people" if len(clips) < len(first) else f"{len(clips)} people"
    about = f"{table.name}: one clip of each of {many}{' (synthetic)' if table.synthetic else ''}"
    return Section(key, (about, f"Faces: {faces}"), tuple(clips), table.synthetic)


def _first_frames(table: SampleTable, rows: np.ndarray | None = None) -> list[str]:
    """Return the frame of each clip in which the face is detected: the onset, or the apex if there is no onset."""
    frame = table.frame if rows is None else table.frame.loc[rows]
    return [onset or apex for onset, apex in zip(frame["onset_path"], frame["apex_path"], strict=True)]
