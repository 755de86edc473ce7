"""Draw a contact sheet: one strip per clip with frame, crop and each channel of the input.

Contract: pure functions. Grey levels and colours are shown as they are; signed channels blue below zero, white at zero,
red above; strain dark to bright. A channel has one scale for all clips of a section, so that strips can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mer.config import InputConfig
from mer.inputs.preview import ClipPreview, Section
from mer.inputs.representations.representation import REPRESENTATIONS

#: Side of a cell, gap between cells, height of a line of text, largest width of the sheet; pixels.
CELL, GAP, LINE, WIDTH = 128, 4, 18, 1700
INK, PALE, PAPER = (34, 34, 34), (120, 120, 120), (255, 255, 255)
#: Ends and middle of the scale of signed channels: ColorBrewer's RdBu.
BELOW, ZERO, ABOVE = np.array([33, 102, 172]), np.array([247, 247, 247]), np.array([178, 24, 43])
#: Percent of a channel's values beyond each end of its scale.
CLIP = 0.5


@dataclass(frozen=True)
class Channel:
    """Describe how a channel is drawn: heading, indices in the input, kind (`levels`, `signed`, `strain`), scale."""

    heading: str
    places: tuple[int, ...]
    kind: str
    low: float = 0.0
    high: float = 255.0


def contact_sheet(sections: Sequence[Section], config: InputConfig) -> np.ndarray:
    """Return the sheet (H, W, 3) uint8, red first; a text above each section explains the channels."""
    parts = [_section(section, config) for section in sections]
    width = max(part.width for part in parts)
    sheet = Image.new("RGB", (width, sum(part.height for part in parts)), PAPER)
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    return np.asarray(sheet)


def channels_of(clips: Sequence[ClipPreview], config: InputConfig) -> list[Channel]:
    """Return how to draw the channels of some clips; the scales are computed from all clips."""
    inputs = [clip.channels for clip in clips if clip.channels is not None]
    if not inputs:
        return []
    known, count = REPRESENTATIONS[config.representation], max(len(one) for one in inputs)
    if known.is_intensity:
        if count == 3 and all(len(one) == 3 for one in inputs) and config.representation != "stack":
            return [Channel(config.representation, (0, 1, 2), "levels")]
        names = [config.representation] if count == 1 else [f"frame {place + 1}" for place in range(count)]
        return [Channel(name, (place,), "levels") for place, name in enumerate(names)]
    names = ["u, to the right", "v, down", "strain"] if known.motion else [config.representation] * count
    found = []
    for place, name in enumerate(names[:count]):
        values = np.concatenate([one[place].ravel() for one in inputs])
        if name == "strain":
            low, high = np.percentile(values, [CLIP, 100 - CLIP])
            found.append(Channel(f"{name} {low:.1f} to {high:.1f}", (place,), "strain", float(low), float(high)))
        else:
            reach = max(float(np.percentile(np.abs(values), 100 - CLIP)), 1e-6)
            found.append(Channel(f"{name} ±{reach:.1f}", (place,), "signed", -reach, reach))
    return found


def colours(values: np.ndarray, channel: Channel) -> np.ndarray:
    """Return the colours (S, S, 3) uint8 of a channel of the input (C, S, S)."""
    part = values[list(channel.places)].astype(np.float64)
    if channel.kind == "levels":
        shown = part.transpose(1, 2, 0) if len(part) == 3 else np.repeat(part[0][..., None], 3, axis=2)
        return np.clip(np.rint(shown), 0, 255).astype(np.uint8)
    share = np.clip((part[0] - channel.low) / max(channel.high - channel.low, 1e-6), 0, 1)
    if channel.kind == "strain":
        return cv2.applyColorMap(np.rint(255 * share).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    away = (2 * share - 1)[..., None]
    mixed = ZERO + np.abs(away) * (np.where(away < 0, BELOW, ABOVE) - ZERO)
    return np.rint(mixed).astype(np.uint8)


def _section(section: Section, config: InputConfig) -> Image.Image:
    channels = channels_of(section.clips, config)
    headings = [channel.heading for channel in channels]
    cropped = any(clip.crop is not None for clip in section.clips)
    if cropped:
        headings.insert(0, "crop")
    if any(clip.frame is not None for clip in section.clips):
        headings.insert(0, "frame as delivered")
    block = max(len(headings), 1) * (CELL + GAP) + 4 * GAP
    across = max(1, min(len(section.clips), WIDTH // block))
    down = -(-len(section.clips) // across)
    lines = [
        f"{section.key}, input {config.representation} of {config.size} x {config.size}",
        *section.lines,
        "Signed channels: blue below zero, red above. One scale for all clips.",
    ]
    top = LINE * (len(lines) + 2)
    strip = LINE + CELL + 3 * GAP
    sheet = Image.new("RGB", (max(across * block, 860) + 4 * GAP, top + down * strip + LINE), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        _write(draw, (4 * GAP, LINE * number + GAP), line, INK if number < 2 else PALE)
    for place in range(across):
        for number, heading in enumerate(headings):
            _write(draw, (4 * GAP + place * block + number * (CELL + GAP), top - LINE), heading, PALE, small=True)
    for number, clip in enumerate(section.clips):
        left, upper = 4 * GAP + (number % across) * block, top + (number // across) * strip
        _write(draw, (left, upper), f"{clip.person}, {clip.clip}, {clip.label}", INK, small=True)
        for place, cell in enumerate(_cells(clip, channels, frame="frame as delivered" in headings, crop=cropped)):
            at = left + place * (CELL + GAP), upper + LINE
            if cell is None:
                draw.rectangle((*at, at[0] + CELL - 1, at[1] + CELL - 1), outline=(220, 220, 220))
            else:
                sheet.paste(Image.fromarray(cell), (at[0], at[1]))
        if clip.channels is None:
            _write(draw, (left + CELL + 3 * GAP, upper + LINE + CELL // 2), "no face found", (178, 24, 43))
    return sheet


def _cells(clip: ClipPreview, channels: Sequence[Channel], *, frame: bool, crop: bool) -> list[np.ndarray | None]:
    """Return the pictures (CELL, CELL, 3) of one clip in the order of the headings; None for an empty cell."""
    found: list[np.ndarray | None] = []
    if frame:
        found.append(None if clip.frame is None else _fitted(clip.frame))
    if crop:
        found.append(None if clip.crop is None else _fitted(clip.crop))
    for channel in channels:
        there = clip.channels is not None and max(channel.places) < len(clip.channels)
        found.append(_fitted(colours(clip.channels, channel)) if there else None)  # type: ignore[arg-type]
    return found


def _fitted(picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, W) or (H, W, 3) uint8 resized to fit a cell, with its proportions kept."""
    colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    scale = CELL / max(colour.shape[:2])
    size = max(1, round(colour.shape[1] * scale)), max(1, round(colour.shape[0] * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = cv2.resize(np.ascontiguousarray(colour), size, interpolation=how)
    cell = np.full((CELL, CELL, 3), 235, np.uint8)
    y, x = (CELL - size[1]) // 2, (CELL - size[0]) // 2
    cell[y : y + size[1], x : x + size[0]] = small
    return cell


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, ink: tuple[int, int, int], *, small: bool = False
) -> None:
    draw.text(place, text, fill=ink, font=_font(11 if small else 13))


@lru_cache(maxsize=2)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Load the font of Matplotlib; Pillow's has Latin letters only, and names of subjects may have others."""
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
