"""Hold samples in a `SampleTable`: one row per clip, checked on construction.

Contract: `SampleTable` is the only result of `mer.data`. Its frame is a private copy and must not be changed. Row order
matters: row i of a cached array is row i of the table.
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
        frame: one row per clip, index 0..N-1. `sample_id` (unique), `dataset`, `subject` (text, zeros as in the set),
            `clip`; `onset`, `apex`, `offset` (frame numbers, nullable Int64); `apex_source` ("annotated",
            "middle" = imputed, "flow" and "difference" = spotted, "plugin" = spotted by a plugin, "" = unknown);
            `aus` and `emotion` (as annotated); `label` (one of `classes`); `onset_path`, `apex_path`, `offset_path`
            (absolute path of that image, "" = none); `folder` (folder of the clip's frames, "" = none).
        classes: the ordered classes; each has at least one sample.
        name: name of the source in reports.
        notes: sentences about rows that the loader imputed, dropped or repaired.
        synthetic: whether the samples are drawn, not recorded.
        uncropped: data sets with frames that are known to show more than the face.

    Raises:
        SampleError: a rule does not hold; the message has row, column, expected, got and remedy.
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
        """Return the index of each row's label in `classes`: int64 (N,)."""
        place = {label: index for index, label in enumerate(self.classes)}
        return np.array([place[label] for label in self.frame["label"]], dtype=np.int64)

    @property
    def subjects(self) -> pd.Series:
        """Return the global subject id "dataset:subject" of each row, since two sets may both have a subject 006."""
        return (self.frame["dataset"] + ":" + self.frame["subject"]).rename("subject")

    def counts(self) -> pd.DataFrame:
        """Return the number of samples, with classes as rows in their order and sorted data sets as columns."""
        return pd.crosstab(self.frame["label"], self.frame["dataset"]).reindex(list(self.classes), fill_value=0)

    def select(self, mask: np.ndarray | pd.Series) -> SampleTable:
        """Return the rows where `mask` (N,) is true, with the same classes; SampleError if a class becomes empty."""
        return replace(self, frame=self.frame[np.asarray(mask, dtype=bool)])

    def missing_files(self) -> list[tuple[str, str]]:
        """Return (sample_id, path) of every key-frame image that is not on disk; a run calls it before training."""
        images = ((row["sample_id"], row[c]) for row in self.frame.to_dict("records") for c in IMAGE_COLUMNS)
        return [(sample, path) for sample, path in images if path and not Path(path).is_file()]

    def content_hash(self) -> str:
        """Return 16 hex digits of the SHA-256 over classes, rows in their order, and bytes of the key-frame images.

        Paths do not count, so the same data in another folder have the same hash.

        Raises:
            SampleError: an image is no longer on disk.
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
