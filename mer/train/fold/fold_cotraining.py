"""Choose the co-training samples that join the batches of a fold."""

from __future__ import annotations

import numpy as np

from mer.errors import MerError
from mer.inputs.datamodule.cotraining import CotrainingSamples
from mer.protocols.registry import Fold
from mer.train.experiment import trained_on
from mer.train.experiment.experiment import Experiment


def cotraining_samples(experiment: Experiment, fold: Fold) -> CotrainingSamples | None:
    """Return the co-training samples of one fold, with the class numbers of the run; None without co-training.

    Subjects that are also in the run's own data are used only if the fold trains on them (`trained_on.cotraining_ids`).

    Raises:
        MerError: if no sample is left for this fold.
    """
    samples, options = experiment.cotraining, experiment.config.cotrain
    if samples is None or not fold.train:
        return None
    ids = set(trained_on.cotraining_ids(experiment, samples, fold))
    rows = np.flatnonzero(samples.table.frame["sample_id"].isin(ids).to_numpy())
    if not len(rows):
        raise MerError(
            f"cotrain: fold {fold.name} does without every person of {samples.table.name}, whom it tests or holds "
            "back; nobody is left to join"
        )
    targets = samples.targets
    if not samples.units:  # units are the same in the same order
        numbers = np.array([experiment.table.classes.index(name) for name in samples.classes], dtype=np.int64)
        targets = numbers[targets]
    share = options.share if options.clips is None else options.clips / (options.clips + len(fold.train))
    return CotrainingSamples(np.asarray(samples.inputs), targets, rows, share)
