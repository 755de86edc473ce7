"""What the network sees of a clip: functions from its frames to an array (C, S, S), in one dictionary.

Contract: a representation looks at one clip only, so nothing here is fitted on any data; it says which frames it needs,
how a left-right mirror changes the sign of each channel, and whether brightness may be changed. `image` has as many
channels as its files. `docs/inputs.md` shows each with shape, units and range.
"""

from __future__ import annotations

from mer.config import AugmentConfig, InputConfig
from mer.inputs.flow import dense_flow, magnification
from mer.inputs.representations.motion_maps import standardise_channels
from mer.inputs.representations.representation import REPRESENTATIONS, SPAN, Representation
from mer.utils.registry import option_errors

__all__ = ["MIN_SIZE", "REPRESENTATIONS", "SPAN", "Representation", "config_errors", "standardise_channels"]

#: Smallest input that the network's five halvings leave something of.
MIN_SIZE = 28


def config_errors(config: InputConfig, augment: AugmentConfig, *, flip: bool = False) -> list[str]:
    """What is wrong with the input, its augmentation and its mirror image in tests, one sentence a key."""
    found = []
    name = config.representation
    known = REPRESENTATIONS.get(name)
    if known is None:
        found += REPRESENTATIONS.unknown("input.representation", name)
    else:
        found += option_errors("input.options", known.compute, config.options)
    if config.size < MIN_SIZE:
        found.append(f"input.size: expected {MIN_SIZE} or more (the network halves it five times), got {config.size}")
    found += [*dense_flow.config_errors(config), *magnification.config_errors(config)]
    if not 2 <= config.frames <= 64:
        found.append(f"input.frames: expected 2 to 64, got {config.frames}")
    limits = {"mirror": 1.0, "probability": 1.0, "shift": 0.5, "scale": 0.5, "rotate": 180.0, "brightness": 255.0}
    for key, most in limits.items():
        value = getattr(augment, key)
        if not 0 <= value <= most:
            found.append(f"augment.{key}: expected 0..{most:g}, got {value}")
    if not 1 <= augment.enlarge <= 2:
        found.append(f"augment.enlarge: expected 1..2 (a smaller picture would have no border), got {augment.enlarge}")
    if known is not None and known.motion and augment.rotate:
        found.append(
            f"augment.rotate: expected 0 for input.representation={name}, got {augment.rotate}: u and v would have to "
            "turn with the picture, and each is scaled on its own"
        )
    if known is not None and flip and not known.channels_known:
        found.append(
            f"evaluation.flip: expected false for input.representation={name}, got true: the channels of such files "
            "may be anything (motion to the right would change its sign), so a mirrored clip's input is not known; "
            f"take one of {', '.join(key for key, one in REPRESENTATIONS.items() if one.channels_known)}"
        )
    if known is not None and not known.is_intensity and augment.brightness:
        found.append(f"augment.brightness: expected 0 for input.representation={name}, got {augment.brightness}")
    return found
