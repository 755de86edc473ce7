"""Define the protocols that hold out whole data sets: `leave_one_dataset_out`, `cross_dataset` and `zero_shot`.

Contract: a subject's id contains the data set, so no subject is both in training and in test. Ids cannot show that two
data sets recorded the same person; the data sets of this project did not.
"""

from __future__ import annotations

from mer.config import ProtocolConfig
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.protocols.fold import (
    PROTOCOLS,
    Fold,
    label_of_sample,
    leave_each_group_out,
    samples_by_dataset,
    sorted_samples,
)


@PROTOCOLS.register("leave_one_dataset_out")
def leave_one_dataset_out(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """Return one fold per data set that tests it and trains on all others, with names like `casme2-to-samm`.

    Raises:
        SampleError: if the table has fewer than two data sets.
    """
    groups = samples_by_dataset(table)
    if len(groups) < 2:
        raise SampleError(
            f"{table.name}: expected two or more data sets for leave-one-data-set-out, got {', '.join(groups)}: "
            "choose a composite, e.g. data=megc2019, or list several in a manifest's dataset column"
        )
    return [
        Fold(f"{'-'.join(name for name in groups if name != test)}-to-{test}", train, (), samples)
        for test, train, samples in leave_each_group_out(groups)
    ]


@PROTOCOLS.register("cross_dataset")
def train_on_test_on(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """Return one fold that trains on the data sets `protocol.train_on` and tests on `protocol.test_on`.

    Raises:
        SampleError: if the table lacks one of the data sets, or a class has no test sample, since then the mean over
            classes would not exist.
    """
    groups = samples_by_dataset(table)
    unknown = [name for name in (*protocol.train_on, *protocol.test_on) if name not in groups]
    if unknown:
        raise SampleError(
            f"{table.name}: protocol.train_on and protocol.test_on: expected data sets among {', '.join(groups)}, "
            f"got {', '.join(unknown)}"
        )
    train, test = (sorted_samples(*(groups[name] for name in part)) for part in (protocol.train_on, protocol.test_on))
    label_of = label_of_sample(table)
    shown = {label_of[sample] for sample in test}
    absent = [label for label in table.classes if label not in shown]
    if absent:
        raise SampleError(
            f"{table.name}: expected test samples of all classes, got none of {', '.join(absent)} in "
            f"{', '.join(protocol.test_on)}, so the mean over classes would not exist: test on another data set, or "
            "choose a label set without that class"
        )
    return [Fold(f"{'-'.join(protocol.train_on)}-to-{'-'.join(protocol.test_on)}", train, (), test)]


@PROTOCOLS.register("zero_shot")
def zero_shot(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """Return one fold `all` that tests the pretrained network on all samples without training."""
    return [Fold("all", (), (), sorted_samples(*samples_by_dataset(table).values()))]


def config_errors(protocol: ProtocolConfig) -> list[str]:
    """Return the errors in `train_on` and `test_on`, one sentence each; empty if there are none."""
    found = []
    if protocol.name != "cross_dataset":
        return [
            f"protocol.{key}: expected an empty list with protocol.name={protocol.name}, got {value}; "
            "choose protocol=cross_dataset"
            for key, value in (("train_on", protocol.train_on), ("test_on", protocol.test_on))
            if value
        ]
    for key, value in (("train_on", protocol.train_on), ("test_on", protocol.test_on)):
        if not value:
            found.append(f"protocol.{key}: expected one or more data sets, got none, e.g. protocol.{key}=[samm]")
        elif len(set(value)) < len(value):
            found.append(f"protocol.{key}: expected each data set once, got {', '.join(value)}")
    both = sorted(set(protocol.train_on) & set(protocol.test_on))
    if both:
        found.append(f"protocol.test_on: expected other data sets than in protocol.train_on, got {', '.join(both)}")
    return found
