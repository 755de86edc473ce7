"""Protocols that hold out whole data sets: each in turn, or training on some and testing on others.

Contract: people carry the data set in their id, so no person stands on two sides. That two sets recorded one person is
beyond these ids; the sets named here did not.
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
    """One fold a data set, tested after training on all others; named by training and test, `casme2-to-samm`."""
    groups = samples_by_dataset(table)
    if len(groups) < 2:
        raise SampleError(
            f"{table.name}: leave-one-data-set-out needs two or more data sets, got {', '.join(groups)}. "
            "Choose a composite, e.g. data=megc2019, or list several in a manifest's dataset column."
        )
    return [
        Fold(f"{'-'.join(name for name in groups if name != test)}-to-{test}", train, (), samples)
        for test, train, samples in leave_each_group_out(groups)
    ]


@PROTOCOLS.register("cross_dataset")
def train_on_test_on(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """One fold: train on the data sets `protocol.train_on`, test on `protocol.test_on`; others are not used.

    Raises:
        SampleError: a data set that the table does not hold, or a class without a test sample: no mean over classes
            would exist.
    """
    groups = samples_by_dataset(table)
    unknown = [name for name in (*protocol.train_on, *protocol.test_on) if name not in groups]
    if unknown:
        raise SampleError(
            f"{table.name}: protocol.train_on and protocol.test_on: expected data sets among {', '.join(groups)}, "
            f"got {', '.join(unknown)}."
        )
    train, test = (sorted_samples(*(groups[name] for name in part)) for part in (protocol.train_on, protocol.test_on))
    label_of = label_of_sample(table)
    shown = {label_of[sample] for sample in test}
    absent = [label for label in table.classes if label not in shown]
    if absent:
        raise SampleError(
            f"{table.name}: no sample of {', '.join(absent)} in {', '.join(protocol.test_on)}, so no mean over classes "
            "would exist there. Test on another data set, or choose a label set without that class."
        )
    return [Fold(f"{'-'.join(protocol.train_on)}-to-{'-'.join(protocol.test_on)}", train, (), test)]


@PROTOCOLS.register("zero_shot")
def zero_shot(table: SampleTable, protocol: ProtocolConfig) -> list[Fold]:
    """One fold `all` without a training sample: the network that was handed on is tested on every sample as it is."""
    return [Fold("all", (), (), sorted_samples(*samples_by_dataset(table).values()))]


def config_errors(protocol: ProtocolConfig) -> list[str]:
    """What is wrong with `train_on` and `test_on`, one sentence each."""
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
