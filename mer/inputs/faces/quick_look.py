"""Check a few frames of each data set before training, since whole frames read as faces cost a training unnoticed.

Contract: at most `FRAMES` frames are read and none is kept; the result is a warning, never an error. Frames cropped by
us, drawn crops and very small pictures are not checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from mer.config import FaceConfig
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs.faces import mtcnn
from mer.inputs.faces.choice import rows_to_crop
from mer.inputs.faces.crop_files import INDEX
from mer.inputs.frames.image_files import read_image

#: Most frames checked, and most clips of one subject.
FRAMES, CLIPS = 40, 2
#: Shortest side in pixels of a picture to check: a detector needs more, and motion maps are as small.
SMALLEST = 64
#: Longest side of a picture for the detector, and the smallest face in it; pixels.
SIDE, FACE = 320, 24
#: Smallest share of a crop that the face box covers (drawn faces: crops .8 and more, SAMM as delivered .1).
LITTLE = 0.4
#: Largest distance of a face's centre from the median one, as a share of the face's side (drawn crops: below .1).
APART = 0.35
#: Most clips named in a sentence.
NAMED = 3


@dataclass(frozen=True)
class Look:
    """Store of one frame: clip, and face box x1, y1, x2, y2 in shares of width and height, None if there is no face."""

    clip: str
    box: np.ndarray | None


def look_at_faces(table: SampleTable, face: FaceConfig) -> list[str]:
    """Return a warning for each data set whose frames seem to show more than the face.

    Args:
        table: the samples, with frames as delivered or with crops.
        face: how faces are cropped; rows that it crops are not checked.
    """
    found = []
    for name, rows in _chosen(table, face).groupby("dataset", sort=True):
        sentence = _by_boxes(list(_looks(rows)))
        if sentence:
            found.append(
                f"Look at the frames: {name}: {sentence}. If the frames show more than the face: face=mtcnn, or "
                "face=auto for a data set known to the program; mer prepare --preview FILE.png shows them."
            )
    return found


def _chosen(table: SampleTable, face: FaceConfig) -> pd.DataFrame:
    """Return the rows to check: a few clips of each subject, subjects evenly spaced in each data set."""
    frame = table.frame.assign(
        subject=table.subjects,
        first=table.frame["onset_path"].where(table.frame["onset_path"] != "", table.frame["apex_path"]),
    )
    frame = frame[~rows_to_crop(table, face) & (frame["first"] != "")]
    cropped = [(Path(path).parent / INDEX).is_file() for path in frame["first"]]
    frame = frame[~np.array(cropped, dtype=bool)]
    if frame.empty:
        return frame
    most = max(FRAMES // frame["dataset"].nunique(), 2)
    parts = []
    for _, rows in frame.groupby("dataset"):
        people = rows["subject"].drop_duplicates().to_numpy()
        clips = CLIPS if CLIPS * len(people) <= most else 1
        kept = people[np.unique(np.linspace(0, len(people) - 1, min(len(people), most)).round().astype(int))]
        parts.append(rows[rows["subject"].isin(kept)].groupby("subject", sort=False).head(clips))
    chosen = pd.concat(parts)
    return (
        chosen if not table.synthetic else chosen[~np.array([_is_square(path) for path in chosen["first"]], dtype=bool)]
    )


def _is_square(path: str) -> bool:
    """Return whether a picture is square, as drawn crops are and camera frames are not."""
    with suppress(SampleError):
        height, width = read_image(path).shape[:2]
        return height == width
    return False


def _looks(rows: pd.DataFrame) -> Iterator[Look]:
    for row in rows.to_dict("records"):
        try:
            picture = read_image(row["first"])
        except SampleError:
            continue  # computing the inputs raises the error
        height, width = picture.shape[:2]
        if min(height, width) < SMALLEST:
            continue
        shrunk = min(1.0, SIDE / max(height, width))
        size = round(width * shrunk), round(height * shrunk)
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        faces = mtcnn.detect(small, smallest=FACE)
        box = np.clip(faces[0].box / np.tile(size, 2), 0, 1) if faces else None
        yield Look(f"{row['subject']} {row['clip']}", box)


def _by_boxes(looks: list[Look]) -> str:
    """Return what is suspicious about the detector's boxes, "" if the frames may be crops."""
    boxes = {look.clip: look.box for look in looks if look.box is not None}
    if not looks:
        return ""
    if len(boxes) < len(looks) / 2:
        lacking = [look.clip for look in looks if look.box is None]
        return f"no face was found in {len(lacking)} of {len(looks)} frames (first {_named(lacking)})"
    places = np.stack(list(boxes.values()))
    sides = places[:, 2:] - places[:, :2]
    share = sides.prod(axis=1)
    if np.median(share) < LITTLE:
        few = [f"{clip} {part:.0%}" for clip, part in zip(boxes, share, strict=True) if part < LITTLE]
        return f"the face fills {np.median(share):.0%} of the picture (median of {len(boxes)}; {_named(few)})"
    middle = (places[:, 2:] + places[:, :2]) / 2
    away = np.hypot(*((middle - np.median(middle, axis=0)) / sides).T)
    if (away > APART).mean() > 0.1:
        far = [f"{clip} {part:.0%}" for clip, part in zip(boxes, away, strict=True) if part > APART]
        return f"the face lies elsewhere from clip to clip, by shares of its side ({_named(far)})"
    return ""


def _named(clips: list[str]) -> str:
    return ", ".join(clips[:NAMED]) + (", ..." if len(clips) > NAMED else "")
