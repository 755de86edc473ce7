"""List the representations, functions from the frames of a clip to a network input (C, S, S), and check their options.

Contract: a representation sees one clip only, so nothing is fitted on any data. It declares which frames it needs, how
a left-right mirror changes the sign of each channel, and whether brightness may be changed. `image` has as many
channels as its files. `docs/inputs.md` shows each with shape, units and range.
"""

from __future__ import annotations

from mer.config import AugmentConfig, InputConfig
from mer.config_check import limit_errors
from mer.inputs.flow import dense_flow, magnification
from mer.inputs.representations.motion_maps import standardise_channels
from mer.inputs.representations.representation import REPRESENTATIONS, SPAN, Representation
from mer.utils.registry import option_errors

__all__ = ["REPRESENTATIONS", "SPAN", "Representation", "config_errors", "standardise_channels"]


def config_errors(config: InputConfig, augment: AugmentConfig, *, flip: bool = False) -> list[str]:
    """Return the errors in `input` and `augment`, and in `evaluation.flip` if `flip` is set, one sentence each."""
    found = [
        *limit_errors(config, "input"),
        *dense_flow.METHODS.unknown("input.flow", config.flow),
        *magnification.config_errors(config),
        *limit_errors(augment, "augment"),
    ]
    name = config.representation
    known = REPRESENTATIONS.get(name)
    if known is None:
        found += REPRESENTATIONS.unknown("input.representation", name)
    else:
        found += option_errors("input.options", known.compute, config.options)
    if known is not None and known.motion and augment.rotate:
        found.append(
            f"augment.rotate: expected 0 for input.representation={name}, got {augment.rotate}: u and v would have to "
            "turn with the picture, and each is scaled separately"
        )
    if known is not None and flip and not known.channels_known:
        found.append(
            f"evaluation.flip: expected false for input.representation={name}, got true: the channels of such files "
            "may be anything (motion to the right would change its sign), so a mirrored clip's input is not known; "
            f"choose one of {', '.join(key for key, one in REPRESENTATIONS.items() if one.channels_known)}"
        )
    if known is not None and not known.is_intensity and augment.brightness:
        found.append(f"augment.brightness: expected 0 for input.representation={name}, got {augment.brightness}")
    return found
