"""Hold samples with their network inputs: all the data that a training needs.

Contract: row i of `inputs` belongs to row i of `table`; both are read-only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mer.data.facs.unit_targets import unit_name, unit_targets
from mer.data.samples.schema import IMAGE_COLUMNS
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.utils.hashing import image_hash


@dataclass(frozen=True)
class PreparedSamples:
    """Store a table of samples and their network inputs.

    Attributes:
        table: one row per clip.
        inputs: (N, C, S, S), uint8 or float32, row i for row i of the table.
        units: numbers of the action units that are recognised in place of the classes of the table; () for these.

    Raises:
        SampleError: the shape of `inputs` does not fit the table.
    """

    table: SampleTable
    inputs: np.ndarray
    units: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        shape = self.inputs.shape
        if len(shape) != 4 or shape[0] != len(self.table):
            raise SampleError(
                f"{self.table.name}: expected inputs of shape ({len(self.table)}, channels, height, width), one for "
                f"each row of the table, got {shape}"
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes or units, in the order of the network's outputs."""
        return tuple(map(unit_name, self.units)) if self.units else self.table.classes

    @cached_property
    def targets(self) -> np.ndarray:
        """Return the class of each row (N,) int64, or its units (N, K) int8: 1 present, 0 absent, -1 unknown."""
        if not self.units:
            return self.table.targets
        return unit_targets(self.table.frame["aus"], self.units, drawn=self.table.synthetic)

    @property
    def channels(self) -> int:
        """Return the number of channels C of each input."""
        return int(self.inputs.shape[1])

    def not_finite(self, samples: Iterable[str]) -> list[str]:
        """Return a text `id (files)` for each of these samples whose input has a NaN or infinite value."""
        wanted = set(samples)
        found = []
        for values, row in zip(self.inputs, self.table.frame.to_dict("records"), strict=True):
            if row["sample_id"] in wanted and not np.isfinite(values).all():
                files = [str(row[column]) for column in IMAGE_COLUMNS if row[column]]
                found.append(f"{row['sample_id']} ({', '.join(files) or 'drawn'})")
        return found

    @cached_property
    def pictures(self) -> tuple[frozenset[str], ...]:
        """Return the hashes of each row's key-frame images; none for a drawn row without files."""
        columns = self.table.frame[list(IMAGE_COLUMNS)].to_numpy(dtype=object)
        return tuple(frozenset(image_hash(path) for path in row if path) for row in columns)
