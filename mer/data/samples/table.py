"""The table of samples: one row a clip, checked when it is made, so that no later room meets a broken one.

Contract: `SampleTable` is all that leaves `mer.data`. Its frame is a private copy that nobody changes; row order has
a meaning (row i of a pixel cache is row i of the table).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mer.data.samples.schema import COLUMNS, IMAGE_COLUMNS, PATH_COLUMNS, raise_for_rows, validate_table
from mer.utils.hashing import image_hash


@dataclass(frozen=True, eq=False)
class SampleTable:
    """Samples of one source under one label set.

    Attributes:
        frame: one row a clip, index 0..N-1. `sample_id` (unique), `dataset`, `subject` (text, with the set's own
            padding), `clip`; `onset`, `apex`, `offset` (frame numbers, nullable Int64); `apex_source` ("annotated",
            "middle" = imputed, "flow" and "difference" = looked for, "" = unknown); `aus` and `emotion` (as
            annotated); `label` (one of `classes`);
            `onset_path`, `apex_path`, `offset_path` (absolute path of that image, "" = none); `folder` (of the clip's
            frames, "" = none).
        classes: the fixed ordered class set; each has at least one sample.
        name: what the source is called in reports.
        notes: what the loader imputed, dropped or repaired, one sentence each.
        synthetic: whether the samples were drawn by us.
        uncropped: data sets whose frames are known to show more than the face.

    Raises:
        SampleError: on construction, naming row, column, expected, got and remedy.
    """

    frame: pd.DataFrame
    classes: tuple[str, ...]
    _: KW_ONLY
    name: str
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    uncropped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "notes", tuple(self.notes))
        object.__setattr__(self, "frame", validate_table(self.frame, self.classes, self.name))

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def targets(self) -> np.ndarray:
        """Index of each row's label in `classes`: int64 (N,)."""
        place = {label: index for index, label in enumerate(self.classes)}
        return np.array([place[label] for label in self.frame["label"]], dtype=np.int64)

    @property
    def subjects(self) -> pd.Series:
        """Global subject id "dataset:subject" of each row: subject 006 of one set is not 006 of another."""
        return (self.frame["dataset"] + ":" + self.frame["subject"]).rename("subject")

    def counts(self) -> pd.DataFrame:
        """Number of samples: classes as rows in their order, data sets as columns, sorted."""
        return pd.crosstab(self.frame["label"], self.frame["dataset"]).reindex(list(self.classes), fill_value=0)

    def select(self, mask: np.ndarray | pd.Series) -> SampleTable:
        """The rows where `mask` (N,) is true, under the same classes; SampleError if a class loses its last sample."""
        return replace(self, frame=self.frame[np.asarray(mask, dtype=bool)])

    def missing_files(self) -> list[tuple[str, str]]:
        """(sample_id, path) of every key-frame image that is not on disk now; a run asks before it starts to train."""
        images = ((row["sample_id"], row[c]) for row in self.frame.to_dict("records") for c in IMAGE_COLUMNS)
        return [(sample, path) for sample, path in images if path and not Path(path).is_file()]

    def content_hash(self) -> str:
        """First 16 hex digits of the SHA-256 over classes, rows in their order, and the bytes of the key-frame images.

        Where the files lie does not count: the same data elsewhere have the same hash. Missing images: SampleError.
        """
        missing = [f"{sample}: {path}" for sample, path in self.missing_files()]
        raise_for_rows(missing, f"{self.name}: images that are no longer on disk:", "Restore them and start again.")
        total = hashlib.sha256(json.dumps([COLUMNS, self.classes]).encode())
        plain = [column for column in COLUMNS if column not in PATH_COLUMNS]
        for row in self.frame.to_dict("records"):
            values = [None if pd.isna(row[column]) else row[column] for column in plain]
            images = [image_hash(row[c]) if row[c] else "" for c in IMAGE_COLUMNS]
            total.update(json.dumps([*values, *images], default=int).encode())
        return total.hexdigest()[:16]
