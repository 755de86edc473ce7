"""What a run recognises: the classes of its table, or action units; and what may be wrong with the latter.

Contract: looks at the configuration and at the codes of clips, reads no data.
"""

from __future__ import annotations

from mer.config import Config, MotionPriorData
from mer.config_check import limit_errors
from mer.data.facs.notation import parse_aus
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.protocols.registry import is_learned, selection_mode

ACTION_UNITS = "action_units"
#: Value of `task.threshold`: by newly drawn maps.
DRAWN = "drawn"
#: Numbers that FACS gives to movements of the face, the head and the eyes.
FACS = range(1, 100)


def units_of(config: Config) -> tuple[int, ...]:
    """Return the numbers of the units that a run recognises; () where it recognises classes."""
    return tuple(config.task.units) if config.task.name == ACTION_UNITS else ()


def chooses_thresholds(config: Config) -> bool:
    """Return whether each fold chooses the thresholds of its units on inner parts of its training subjects."""
    return bool(units_of(config)) and config.task.threshold == "inner" and config.protocol.name != "zero_shot"


def draws_thresholds(config: Config) -> bool:
    """Return whether the thresholds of units are those of maps that are drawn for this."""
    return bool(units_of(config)) and config.task.threshold == DRAWN


def config_errors(config: Config) -> list[str]:
    """Return the errors of `task`, one sentence each."""
    found = limit_errors(config.task, "task")
    units = units_of(config)
    if not units:
        return found
    strange = [unit for unit in units if unit not in FACS]
    if strange or len(units) < 2 or len(set(units)) < len(units):
        found.append(
            f"task.units: expected two or more different numbers of action units, 1 to 99, got {list(units)}; leave it "
            "out for the 12 units of CD6ME"
        )
    if is_learned(config.decision):
        found.append(
            "decision.rule: expected nothing to choose with task=action_units, where each unit has a threshold of its "
            f"own (task.threshold), got {config.decision.rule} with strength {config.decision.strength}"
        )
    if config.task.threshold == "inner" and selection_mode(config.protocol) == "leaky":
        found.append(
            "task.threshold: expected fixed with protocol.selection=leaky, which shows what a choice of the epoch on "
            "held-out samples does, got inner"
        )
    if config.task.threshold == "inner" and config.protocol.selection == "fixed":
        found.append(
            "task.threshold: expected fixed with protocol.selection=fixed, which lets nothing be chosen, got inner"
        )
    if config.task.threshold == DRAWN and not (_after_drawn_motion(config) and config.protocol.name == "zero_shot"):
        found.append(
            "task.threshold: expected drawn with protocol=zero_shot and a last stage of data.name=motion_prior "
            "(+experiment=zero_shot_units), whose network alone newly drawn maps can judge; folds that train have "
            "people of their own: inner"
        )
    if config.sanity:
        found.append(
            "sanity: expected false with task=action_units, whose null runs are runs of their own "
            "(null=permuted_labels), got true"
        )
    return found


def _after_drawn_motion(config: Config) -> bool:
    """Return whether the last training before the folds is of drawn motion."""
    stages = list(config.stages.values())
    return bool(stages) and isinstance(stages[-1].data, MotionPriorData)


def check_codes(table: SampleTable, key: str) -> None:
    """Raise SampleError where no clip of a source has a code, so that nothing could be learned or scored.

    Args:
        table: of the source.
        key: where the configuration names it, e.g. `data` or `stages.prior.data`.
    """
    if not table.synthetic and not any(parse_aus(text) for text in table.frame["aus"]):
        raise SampleError(
            f"{key}: expected clips with action units for task=action_units, got none among {len(table)} of "
            f"{table.name}; a manifest needs a column aus, and SMIC has no codes"
        )


def code_notes(table: SampleTable) -> tuple[str, ...]:
    """Return a sentence on the clips without a code, which are predicted and not scored; () where there are none."""
    blank = 0 if table.synthetic else sum(not parse_aus(text) for text in table.frame["aus"])
    if not blank:
        return ()
    return (f"Action units: {blank} of {len(table)} clips have no code; predicted, but neither trained on nor scored.",)
