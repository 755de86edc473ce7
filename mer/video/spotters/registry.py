"""List the spotters: functions from the time course of a face to its intervals, in order of onset.

Contract: a spotter sees one course and nothing else; its keyword-only parameters are its options. An empty list is an
answer. To add one, write a file in this folder whose function has the decorator `SPOTTERS.register(NAME)`.
"""

from __future__ import annotations

from collections.abc import Callable

from mer.utils.registry import Registry
from mer.video.interval import Interval

Spotter = Callable[..., list[Interval]]

SPOTTERS: Registry[Spotter] = Registry("spotter of intervals", "mer.video.spotters")
