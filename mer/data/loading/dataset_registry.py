"""Register official data sets in `DATASETS`. The module of a data set registers itself:

@DATASETS.register("my_set", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mer.data.loading.annotations import Annotations
from mer.data.loading.dataset_card import DatasetCard
from mer.utils.registry import Registry


@dataclass(frozen=True)
class Dataset:
    """An official data set.

    Attributes:
        read: `read(data, cache_dir, **options)` returns the clips as annotated; it may write in `cache_dir` only.
        card: title, expected files, label sets, counts.
    """

    read: Callable[..., Annotations]
    card: DatasetCard


#: Data set by its name in `data.name`.
DATASETS: Registry[Dataset] = Registry("data set", "mer.data.datasets", Dataset)
