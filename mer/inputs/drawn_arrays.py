"""Draw the motion maps of a source without files once, normalise them and keep them in the cache.

Contract: row i is row i of the table. The file is named by a hash of the source's options, the version of its drawing,
the samples, the side and the version of the normalisation.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mer.config import InputConfig
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError
from mer.inputs.cache.arrays import reserve_array, write_index
from mer.inputs.input_arrays import CODE_VERSION, open_pixels
from mer.inputs.representations.registry import REPRESENTATIONS, standardise_channels
from mer.utils.atomic_files import write_atomically
from mer.utils.hashing import digest


def drawn_cache(
    table: SampleTable,
    config: InputConfig,
    cache_dir: Path,
    *,
    draw: Callable[[SampleTable, int], np.ndarray],
    settings: Any,
) -> np.ndarray:
    """Return the inputs (N, 3, S, S) float32 as a read-only memory map; draw them if they are not in the cache.

    Args:
        table: the samples.
        config: side S and representation, which must be a motion map.
        cache_dir: the array is written to `drawn/<key>.npy` in this folder.
        draw: takes the table and S and returns maps (N, 3, S, S) of u, v and strain, see `Source.pixels`.
        settings: everything besides the table that decides the values of `draw`, as JSON values.

    Raises:
        ConfigError: the representation is not a motion map of u, v and strain.
    """
    wrong = config_errors(config, table.name)
    if wrong:
        raise ConfigError(wrong)
    key = digest([settings, table.frame["sample_id"].tolist(), config.representation, config.size, CODE_VERSION])
    path = Path(cache_dir).expanduser() / "drawn" / f"{key}.npy"
    found = open_pixels(path, rows=len(table), size=config.size)
    if found is not None:
        return found
    maps = draw(table, config.size)
    expected = (len(table), 3, config.size, config.size)
    if maps.shape != expected:
        raise ValueError(f"{table.name}: expected drawn maps of shape {expected}, got {maps.shape}")
    with write_atomically(path) as temporary:
        pixels = reserve_array(temporary, expected, np.float32)
        for row, one in enumerate(maps):
            pixels[row] = standardise_channels(one)
        pixels.flush()
        write_index(path, temporary, {})
    written = open_pixels(path, rows=len(table), size=config.size)
    if written is None:
        raise OSError(f"the cache file {path} cannot be read back; is the disk full?")
    return written


def config_errors(config: InputConfig, source: str) -> list[str]:
    """Return why this input cannot be drawn, in one sentence; empty if it can."""
    known = REPRESENTATIONS.get(config.representation)
    if known is None or (known.motion and known.flip_signs == (-1, 1, 1)):  # u, v, strain
        return []
    return [
        f"input.representation: expected flow or motion_map with {source}, whose samples are drawn maps of motion, got "
        f"{config.representation}"
    ]
