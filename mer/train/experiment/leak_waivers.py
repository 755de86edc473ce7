"""List the kinds of findings of the leak audit and decide which a run waives (`protocol.waive`)."""

from __future__ import annotations

from mer.config import ProtocolConfig

#: Kinds of findings.
KINDS = {
    "same_person": "a person on two sides of a fold, under one id or under two spellings of it",
    "equal_pixels": "clips of two people with an equal key frame or an equal input on two sides of a fold",
    "near_pixels": "clips of two people that look and move alike on two sides of a fold",
    "other_data": "a person or a clip that is tested, among the samples of a stage or of co-training",
    "init": "a person, a clip or a picture that is tested, among those which init.path was trained on",
    "input": "an input that is not what its clip's own files give",
}


def is_waived(kind: str, name: str, protocol: ProtocolConfig) -> bool:
    """Return whether `protocol.waive` lists this finding by its kind or name, so that it does not stop the run."""
    return kind in protocol.waive or name in protocol.waive


def config_errors(protocol: ProtocolConfig) -> list[str]:
    """Return the errors of `protocol.waive`, one sentence each."""
    unknown = [name for name in protocol.waive if name not in KINDS and name.rpartition("-")[0] not in KINDS]
    if not unknown:
        return []
    return [
        f"protocol.waive: expected names of findings, e.g. near_pixels-3fa2c1, or kinds of them ({', '.join(KINDS)}), "
        f"got {', '.join(unknown)}"
    ]
