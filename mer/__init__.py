"""Micro-expression recognition with micro-attention networks, leave-one-subject-out, as an experiment framework.

`import mer` gives the names of `__all__` for notebooks and scripts; docs/library.md shows them at work. Each is read
when it is first used, so that the import itself takes no time and no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mer.config import Config
    from mer.data.samples.table import SampleTable
    from mer.errors import MerError
    from mer.evaluation import metrics
    from mer.evaluation.metric_modules import UnweightedAverageRecall, UnweightedF1
    from mer.evaluation.predictions import confusion, pool_folds
    from mer.inputs.datamodule.fold_datamodule import FoldDataModule
    from mer.inputs.prepared_samples import PreparedSamples
    from mer.library import load_config, run_experiment
    from mer.models.build import build as build_network
    from mer.models.checkpoint import load_network
    from mer.models.network import RecognitionNetwork
    from mer.protocols.fold import Fold
    from mer.protocols.registry import make_folds
    from mer.train.experiment.experiment import load_data
    from mer.train.fold.fit import Trained, fit
    from mer.train.fold.predict import mirror_signs, predict
    from mer.train.fold.unit_predictions import predict_units
    from mer.train.lightning.module import RecognitionModule
    from mer.video.predict_video import predict_video

__all__ = [
    "Config",
    "Fold",
    "FoldDataModule",
    "MerError",
    "PreparedSamples",
    "RecognitionModule",
    "RecognitionNetwork",
    "SampleTable",
    "Trained",
    "UnweightedAverageRecall",
    "UnweightedF1",
    "build_network",
    "confusion",
    "fit",
    "load_config",
    "load_data",
    "load_network",
    "make_folds",
    "metrics",
    "mirror_signs",
    "pool_folds",
    "predict",
    "predict_units",
    "predict_video",
    "run_experiment",
]

#: Module of each name, and the attribute there where it has another name; None for the module itself.
_PLACES: dict[str, str | tuple[str, str | None]] = {
    "Config": "mer.config",
    "Fold": "mer.protocols.fold",
    "FoldDataModule": "mer.inputs.datamodule.fold_datamodule",
    "MerError": "mer.errors",
    "PreparedSamples": "mer.inputs.prepared_samples",
    "RecognitionModule": "mer.train.lightning.module",
    "RecognitionNetwork": "mer.models.network",
    "SampleTable": "mer.data.samples.table",
    "Trained": "mer.train.fold.fit",
    "UnweightedAverageRecall": "mer.evaluation.metric_modules",
    "UnweightedF1": "mer.evaluation.metric_modules",
    "build_network": ("mer.models.build", "build"),
    "confusion": "mer.evaluation.predictions",
    "fit": "mer.train.fold.fit",
    "load_config": "mer.library",
    "load_data": "mer.train.experiment.experiment",
    "load_network": "mer.models.checkpoint",
    "make_folds": "mer.protocols.registry",
    "metrics": ("mer.evaluation.metrics", None),
    "mirror_signs": "mer.train.fold.predict",
    "pool_folds": "mer.evaluation.predictions",
    "predict": "mer.train.fold.predict",
    "predict_units": "mer.train.fold.unit_predictions",
    "predict_video": "mer.video.predict_video",
    "run_experiment": "mer.library",
}


def __getattr__(name: str) -> Any:
    """Read a name of `__all__` from its module."""
    if name not in _PLACES:
        raise AttributeError(f"module 'mer' has no attribute {name!r}")
    place = _PLACES[name]
    path, attribute = (place, name) if isinstance(place, str) else place
    module = import_module(path)
    value = globals()[name] = module if attribute is None else getattr(module, attribute)
    return value


def __dir__() -> list[str]:
    """Names of the library, and what was imported so far."""
    return sorted({*globals(), *__all__})
