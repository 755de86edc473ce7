"""Load samples from any source: call `load_samples` with the configuration of `data`.

Contract: `load_samples` is the only way from a configuration to a table of samples. To add an official data set, write
a module in `mer/data/datasets/`, a YAML in `conf/data/` and a page in `docs/data/`; this file does not change.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import MISSING

from mer.config import CompositeData, DataConfig, FolderData, ManifestData, MotionPriorData, SyntheticData
from mer.data import composite, manifest
from mer.data.loading import dataset_card
from mer.data.loading.build_table import build_sample_table
from mer.data.loading.dataset_registry import DATASETS
from mer.data.motion_prior import source as prior
from mer.data.samples.table import SampleTable
from mer.data.synthetic import clip_design
from mer.data.synthetic import source as synthetic
from mer.errors import ConfigError
from mer.utils.registry import option_errors, unknown_name


@dataclass(frozen=True)
class Source:
    """Source of samples.

    Attributes:
        schema: dataclass of its configuration.
        load_samples: function of configuration and cache folder; returns the samples, writes in the cache folder only.
        config_errors: function of a configuration; returns its errors, one sentence each.
        pixels: for a source without files, function of configuration, table and side S; returns u (right), v (down)
            and strain of every row, (N, 3, S, S) float32, not normalised. It depends on its arguments only.
        drawing: version of `pixels`, part of the cache key of drawn maps; raise it with every change of a value.
    """

    schema: type[DataConfig]
    load_samples: Callable[[Any, Path], SampleTable]
    config_errors: Callable[[Any], list[str]]
    pixels: Callable[[Any, SampleTable, int], np.ndarray] | None = None
    drawing: int = 0


class _OfficialSources(Mapping[str, Source]):
    """Registered data sets as sources, including those of plugins."""

    def __getitem__(self, name: str) -> Source:
        dataset = DATASETS[name]
        return Source(
            FolderData,
            lambda data, cache_dir: build_sample_table(
                dataset.read(data, cache_dir, **data.options), data, dataset.card
            ),
            lambda data: [
                *dataset_card.config_errors(data, dataset.card),
                *option_errors("data.options", dataset.read, data.options),
            ],
        )

    def __iter__(self) -> Iterator[str]:
        return iter(DATASETS)

    def __len__(self) -> int:
        return len(DATASETS)


#: Sources other than official data sets.
_OTHERS: dict[str, Source] = {
    "synthetic": Source(SyntheticData, synthetic.load, clip_design.config_errors),
    "manifest": Source(ManifestData, manifest.load, manifest.config_errors),
    "synthetic_macro": Source(SyntheticData, synthetic.load, clip_design.config_errors),
    "composite": Source(
        CompositeData,
        lambda data, cache_dir: composite.load(data, lambda part: load_samples(part, cache_dir)),
        lambda data: composite.config_errors(data, config_errors),
    ),
    "motion_prior": Source(
        MotionPriorData, lambda data, cache_dir: prior.load(data), prior.config_errors, prior.pixels, prior.DRAWING
    ),
}

#: Source by name, the value of `data.name`.
SOURCES: MutableMapping[str, Source] = ChainMap(_OTHERS, _OfficialSources())  # type: ignore[arg-type]


def config_errors(data: DataConfig) -> list[str]:
    """Return the errors in the configuration of the samples, one sentence each; reads no data."""
    source = SOURCES.get(data.name)
    if source is None:
        return unknown_name("data.name", data.name, SOURCES)
    if not isinstance(data, source.schema):
        return [f"data.name: {data.name} needs the fields of {source.schema.__name__}; choose it with data={data.name}"]
    unset = [
        key for key, value in vars(data).items() if value == MISSING or (value == "" and key in ("root", "manifest"))
    ]
    if unset:
        return [f"data.{key}: expected a path, got nothing; set data.{key}=PATH" for key in unset]
    return source.config_errors(data)


def load_samples(data: DataConfig, cache_dir: Path) -> SampleTable:
    """Load the samples of the source `data.name`.

    Args:
        data: configuration of that source.
        cache_dir: folder for computed files.

    Raises:
        ConfigError: the configuration has errors.
        DatasetNotFoundError: the data are not found.
        SampleError: the data are found and have errors.
    """
    wrong = config_errors(data)
    if wrong:
        raise ConfigError(wrong)
    return SOURCES[data.name].load_samples(data, cache_dir)
