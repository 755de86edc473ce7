"""Make the folds of a protocol with `make_folds`; check its configuration with `config_errors`.

Contract: pure functions of the sample table, the protocol and the seed. The order of the table's rows does not matter,
no sample is tested twice, and no subject is in two parts of a fold.
To add a protocol, write a function `(table, protocol) -> list[Fold]` with `@PROTOCOLS.register` in a file of this
folder.
"""

from __future__ import annotations

from mer.config import DecisionConfig, ProtocolConfig
from mer.config_check import limit_errors
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError
from mer.protocols import dataset_splits
from mer.protocols.challenges import challenge_notes
from mer.protocols.fold import PROTOCOLS, Fold, fold_errors, fold_notes, natural_key
from mer.protocols.inner_splits import inner_folds, split_validation, subsample_subjects
from mer.utils.registry import option_errors

__all__ = [
    "PROTOCOLS",
    "Fold",
    "config_errors",
    "decision_config_errors",
    "fold_notes",
    "inner_folds",
    "is_learned",
    "make_folds",
    "natural_key",
    "protocol_notes",
    "selection_mode",
]


def selection_mode(protocol: ProtocolConfig, decision: DecisionConfig | None = None) -> str:
    """Return `protocol.selection` if set, else `inner` if an epoch, candidate or decision is selected, else `fixed`."""
    if protocol.selection is not None:
        return protocol.selection
    inner = protocol.validation or protocol.candidates or (decision is not None and is_learned(decision))
    return "inner" if inner else "fixed"


def is_learned(decision: DecisionConfig) -> bool:
    """Return whether each fold chooses its rule of decision on inner parts of its training subjects."""
    return decision.rule == "uf1" or (decision.rule == "prior" and decision.strength is None)


def decision_config_errors(decision: DecisionConfig, protocol: ProtocolConfig) -> list[str]:
    """Return the errors of the rule of decision, one sentence each."""
    found = limit_errors(decision, "decision")
    if found or not is_learned(decision):
        return found
    key, value = ("rule", "uf1") if decision.rule == "uf1" else ("strength", "null")
    if protocol.selection == "fixed":
        found.append(
            f"decision.{key}: expected nothing to choose with protocol.selection=fixed, got {value}, which chooses on "
            "inner parts; set protocol.selection=null, or decision.rule=prior with a decision.strength"
        )
    if protocol.name == "zero_shot":
        found.append(
            f"decision.{key}: expected decision.rule=argmax, or prior with a strength, with protocol.name=zero_shot, "
            f"which has no training subjects to choose on, got {value}"
        )
    return found


def config_errors(protocol: ProtocolConfig) -> list[str]:
    """Return the errors in the protocol's configuration, one sentence each; empty if there are none."""
    found = limit_errors(protocol, "protocol")
    if protocol.name not in PROTOCOLS:
        found += PROTOCOLS.unknown("protocol.name", protocol.name)
    else:
        found += dataset_splits.config_errors(protocol)
        found += option_errors("protocol.options", PROTOCOLS[protocol.name], protocol.options)
    if protocol.name == "zero_shot" and (protocol.validation or protocol.candidates):
        found.append(
            "protocol.name: expected protocol.validation=0 and no protocol.candidates with zero_shot, which does not "
            f"train, got {protocol.validation} and {protocol.candidates}"
        )
    if protocol.train_subjects is not None and protocol.name == "zero_shot":
        found.append(
            "protocol.train_subjects: expected null with protocol.name=zero_shot, which does not train, got "
            f"{protocol.train_subjects}"
        )
    return found + _selection_config_errors(protocol)


def make_folds(table: SampleTable, protocol: ProtocolConfig, seed: int) -> list[Fold]:
    """Return the folds of a protocol, with an inner validation part if `protocol.validation` is above 0.

    Args:
        table: the samples.
        protocol: configuration of the protocol.
        seed: seed of the run. The seed and a fold's name select its validation subjects, so other folds do not matter.

    Raises:
        ConfigError: lists all errors of `config_errors`, or if the folds break the contract of this module.
        SampleError: if there are too few subjects, or the protocol does not support these samples.
    """
    wrong = config_errors(protocol)
    if wrong:
        raise ConfigError(wrong)
    folds = PROTOCOLS[protocol.name](table, protocol, **protocol.options)
    wrong = [f"protocol.name={protocol.name}: {line}" for line in fold_errors(table, folds)]
    if wrong:  # of a plugin; ours keep these rules
        raise ConfigError(wrong)
    if protocol.train_subjects is not None:
        folds = [subsample_subjects(fold, table, subjects=protocol.train_subjects, seed=seed) for fold in folds]
    if protocol.validation == 0:
        return folds
    return [split_validation(fold, table, share=protocol.validation, seed=seed) for fold in folds]


def protocol_notes(table: SampleTable, protocol: ProtocolConfig, folds: list[Fold]) -> list[str]:
    """Return notes for readers: counts that differ from a challenge's, untested samples, and `fold_notes`."""
    tested = {sample for fold in folds for sample in fold.test}
    untested = []
    if len(tested) < len(table):
        untested = [f"The protocol tests {len(tested)} of {len(table)} samples; the others train, or are not used."]
    return [*challenge_notes(table, protocol.name), *untested, *fold_notes(table, folds)]


def _selection_config_errors(protocol: ProtocolConfig) -> list[str]:
    """Return contradictions between `selection` and the options for a validation part or candidates."""
    found = []
    chooses = bool(protocol.validation or protocol.candidates)
    if protocol.selection == "inner" and not chooses:
        found.append(
            "protocol.selection: expected an inner split for inner selection, got none; set protocol.validation=0.1 "
            "(selects the epoch) or protocol.candidates (selects the recipe)"
        )
    elif protocol.selection in ("fixed", "leaky") and chooses:
        found.append(
            f"protocol.selection: expected inner with protocol.validation or protocol.candidates, got "
            f"{protocol.selection}; set them to 0 and []"
        )
    if protocol.validation and protocol.candidates:
        found.append(
            f"protocol.validation: expected 0 with protocol.candidates, got {protocol.validation}; list numbers of "
            'epochs among the candidates, e.g. "optim.epochs=20"'
        )
    return found
