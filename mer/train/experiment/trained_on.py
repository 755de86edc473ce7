"""Record which subjects and samples trained a network, and read it from the checkpoint that a run begins with.

Contract: people, sample ids and hashes of key-frame images, of everything that moved or chose the weights: the fold's
own part, co-training, every stage before, and the file that the first of them began with. Hashes tell nothing of a
picture, so that a checkpoint can be given away. Drawn inputs without files show nobody and are not listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mer.config import InitConfig
from mer.inputs.prepared_samples import PreparedSamples
from mer.models import checkpoint
from mer.protocols.registry import Fold
from mer.train.experiment.experiment import Experiment, PretrainingStage
from mer.train.experiment.overlap import samples_without, shared_subjects

#: Hex digits kept of each image's SHA-256: 64 bits.
DIGITS = 16


@dataclass(frozen=True)
class TrainedOn:
    """What trained a network.

    Attributes:
        subjects: people, "dataset:subject".
        samples: sample ids.
        pictures: beginnings of the SHA-256 of key-frame images.
    """

    subjects: frozenset[str] = frozenset()
    samples: frozenset[str] = frozenset()
    pictures: frozenset[str] = frozenset()

    def __or__(self, other: TrainedOn) -> TrainedOn:
        """Return the subjects, samples and pictures that trained either network."""
        return TrainedOn(self.subjects | other.subjects, self.samples | other.samples, self.pictures | other.pictures)

    def as_card(self) -> dict[str, list[str]]:
        """Return plain values for `trained_on` of a checkpoint."""
        return {"subjects": sorted(self.subjects), "samples": sorted(self.samples), "pictures": sorted(self.pictures)}


def of_fold(experiment: Experiment, fold: Fold) -> TrainedOn:
    """Return what trained a fold's network; the validation part of `fold` counts, as it chose the epoch."""
    seen = of_samples(experiment.samples, (*fold.train, *fold.validation)) | of_init(experiment.config.init)
    if experiment.cotraining is not None and fold.train:
        seen |= of_samples(experiment.cotraining, cotraining_ids(experiment, experiment.cotraining, fold))
    for stage in experiment.stages:
        seen |= of_samples(stage.samples, _ids(experiment, stage, fold))
    return seen


def of_stage(experiment: Experiment, stage: PretrainingStage, fold: Fold | None) -> TrainedOn:
    """Return what trained the network of a stage; `fold`: the only fold that it was trained for, if any."""
    seen = of_init(experiment.config.init)
    for each in experiment.stages:
        seen |= of_samples(each.samples, _ids(experiment, each, fold))
        if each.name == stage.name:
            break
    return seen


def of_init(init: InitConfig) -> TrainedOn:
    """Return what trained the initial weights of a run, as far as their file records it."""
    return read_trained_on(init) or TrainedOn()


def read_trained_on(init: InitConfig) -> TrainedOn | None:
    """Read from a checkpoint which subjects and samples trained it. Returns None if the file does not record this."""
    if init.name != "file" or init.path is None:
        return None
    try:
        told: Any = checkpoint.read(init.path)["card"].get("trained_on", {})
    except checkpoint.ForeignFileError:  # another kind of weight file; whether it can be used is not asked here
        return None
    if not isinstance(told, dict) or "samples" not in told:
        return None
    return TrainedOn(*(frozenset(told.get(key, ())) for key in ("subjects", "samples", "pictures")))


def of_samples(samples: PreparedSamples, ids: Iterable[str]) -> TrainedOn:
    """Return the subjects, ids and pictures of the samples in `ids` that have images."""
    wanted = set(ids)
    frame, subjects = samples.table.frame, samples.table.subjects
    rows = [
        (subject, sample, pictures)
        for subject, sample, pictures in zip(subjects, frame["sample_id"], samples.pictures, strict=True)
        if sample in wanted and pictures
    ]
    return TrainedOn(
        frozenset(subject for subject, _, _ in rows),
        frozenset(sample for _, sample, _ in rows),
        frozenset(picture[:DIGITS] for _, _, pictures in rows for picture in pictures),
    )


def pretraining_ids(experiment: Experiment, samples: PreparedSamples, fold: Fold) -> Sequence[str]:
    """Return the ids of the samples of another source that may train a fold's network."""
    return samples_without(samples, shared_subjects(samples, experiment.samples, (*fold.validation, *fold.test)))


def cotraining_ids(experiment: Experiment, samples: PreparedSamples, fold: Fold) -> Sequence[str]:
    """Return the ids of the co-training samples used in this fold.

    Subjects that are also in the run's own data are used only if the fold trains on them. Leaving out its test subjects
    would not be enough: an inner fold of a nested search does not list the test subjects of its outer fold, nor a
    learning curve the subjects that it leaves out.
    """
    trained = set(fold.train) - {*fold.validation, *fold.test}
    others = (sample for sample in experiment.table.frame["sample_id"] if sample not in trained)
    return samples_without(samples, shared_subjects(samples, experiment.samples, others))


def _ids(experiment: Experiment, stage: PretrainingStage, fold: Fold | None) -> Sequence[str]:
    """Return the ids of the samples that a stage trains on."""
    if stage.shared or fold is None:
        return tuple(stage.samples.table.frame["sample_id"])
    return pretraining_ids(experiment, stage.samples, fold)
