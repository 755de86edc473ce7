"""Follow faces from frame to frame: found at intervals, tracked between, ended by cuts.

Contract: `FaceTracker.update` gets the frames in order and keeps one small grey picture, nothing else. The place of a
face serves to cut it out; the motion of the head is taken out of the flow itself (`time_course`), so that errors of
place add no motion. A face has one id until it is lost or the picture is cut; ids count from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from mer.video.faces.face_finder import FoundFace, face_frame, find_faces, quarter_of
from mer.video.reading.frame_source import VideoFrame

#: Seconds between two searches of the detector while faces are tracked, frames while there are none.
SEARCH_SECONDS, SEARCH_FRAMES = 0.5, 4
#: Of so many searches in a row without a face the first also looks at the frame turned by each number of quarters.
TURNED, EVERY = 5, (0, 1, 2, 3)
#: Distance between the pupils, pixels, at which faces are tracked: larger ones are shrunk.
PUPILS = 40
#: Points that are tracked: a lattice in face units over forehead, nose and cheeks; lids and mouth move by themselves.
LATTICE = np.array(
    [
        (x, y)
        for x in np.linspace(-0.8, 0.8, 9)
        for y in np.linspace(-0.5, 0.85, 8)
        if not (abs(y) < 0.2 and abs(x) > 0.2)
    ]
)
#: Share of points that must agree on one similarity (by `AGREE` pixels), and their greatest change of scale.
ENOUGH, AGREE, SCALE = 0.4, 1.5, 1.15
#: Correlation of the face's pictures in two frames, aligned, below which the face is not the same any more: it stays
#: above .88 in recordings of a small face in a car and of posed emotions; two people at one place rarely reach .8.
SAME = 0.8
#: Seconds in which a tracked place goes most of the way (63%) to the found one, so slowly that alignment adds hardly
#: any motion in the time of a micro-expression; further apart than `JUMP` pupil distances it jumps there.
SETTLE, JUMP = 0.7, 0.25
#: Searches in a row that may miss a face which is still tracked well: heads turn.
PATIENCE = 3

Finder = Callable[..., list[FoundFace]]


@dataclass
class Track:
    """A face now: id, landmarks (5, 2) in pixels, probability when last found, and how sure the tracking is."""

    face_id: int
    landmarks: np.ndarray
    score: float
    #: Share of tracked points that agree, 1 in a frame where the detector found it.
    agreement: float = 1.0
    #: Whether the place jumped in this frame (by `JUMP`), so that motion before and after do not belong together.
    jumped: bool = True
    missed: int = 0
    #: Where the detector found the landmarks last, moved along with the tracking since.
    found: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.found = self.landmarks

    @property
    def pupils(self) -> float:
        """Distance between the pupils, pixels."""
        return float(np.hypot(*(self.landmarks[1] - self.landmarks[0])))


@dataclass
class FaceTracker:
    """Faces of one source; `every` False keeps the largest only, as long as it is there."""

    every: bool = False
    finder: Finder = find_faces
    tracks: list[Track] = field(default_factory=list)
    #: Faces that were there one frame ago and could not be followed to this one.
    _gone: list[Track] = field(default_factory=list)
    _previous: np.ndarray | None = None
    _time: float = 0.0
    _scale: float = 1.0
    _searched: float = -np.inf
    _frames_since: int = 0
    _failures: int = 0
    _ids: int = 0

    def update(self, frame: VideoFrame, grey: np.ndarray) -> Sequence[Track]:
        """Return the faces in the next frame; `grey` is (H, W) uint8 of the same picture."""
        lost = self._follow(grey, frame.time - self._time)
        self._time = frame.time
        self._frames_since += 1
        due = (
            frame.time - self._searched >= SEARCH_SECONDS
            if self.tracks
            else (lost or self._frames_since >= SEARCH_FRAMES or self._searched == -np.inf)
        )
        if due or lost:
            self._search(frame, grey)
        self._keep(grey)
        return self.tracks

    def _follow(self, grey: np.ndarray, seconds: float) -> bool:
        """Move the tracks to where their points went; return whether one was lost."""
        before, scale = self._previous, self._scale
        self._gone = []
        for track in self.tracks:
            track.jumped = False
        if before is None or not self.tracks:
            return False
        small = _shrunk(grey, scale)
        if small.shape != before.shape:
            self.tracks = []
            return True
        kept = [track for track in self.tracks if _tracked(track, before, small, scale)]
        for track in kept:
            track.landmarks = track.landmarks + (1 - np.exp(-seconds / SETTLE)) * (track.found - track.landmarks)
        self._gone = [track for track in self.tracks if all(track is not one for one in kept)]
        self.tracks = kept
        return bool(self._gone)

    def _search(self, frame: VideoFrame, grey: np.ndarray) -> None:
        """Look for faces anew: pull known ones to their place, begin tracks for new ones, end those long missed."""
        if self.tracks:
            quarters = tuple(sorted({quarter_of(track.landmarks) for track in self.tracks}))
        else:
            quarters = EVERY if self._failures % TURNED == 0 else (0,)
        found = self.finder(frame.pixels, quarters=quarters)
        self._searched, self._frames_since = frame.time, 0
        self._failures = 0 if found else self._failures + 1
        rest = list(found)
        for track in self.tracks:
            near = min(rest, key=lambda face: _distance(face.landmarks, track.landmarks), default=None)
            if near is None or _distance(near.landmarks, track.landmarks) > track.pupils:
                track.missed += 1
                continue
            rest = [face for face in rest if face is not near]
            apart = _distance(near.landmarks, track.landmarks) / track.pupils
            track.jumped = track.jumped or apart > JUMP
            track.found = near.landmarks
            track.landmarks = near.landmarks if track.jumped else track.landmarks
            track.score, track.agreement, track.missed = near.score, 1.0, 0
        self.tracks = [track for track in self.tracks if track.missed < PATIENCE]
        for face in rest if self.every else ([] if self.tracks else rest[:1]):
            self.tracks.append(self._resumed(face, grey) or self._begun(face))

    def _begun(self, face: FoundFace) -> Track:
        self._ids += 1
        return Track(self._ids - 1, face.landmarks, face.score)

    def _resumed(self, face: FoundFace, grey: np.ndarray) -> Track | None:
        """Return a face that moved too fast to be followed and looks as one frame ago, None if there is none."""
        for track in self._gone:
            before, scale = self._previous, self._scale
            start, end = (face_frame((one + 0.5) * scale - 0.5) for one in (track.landmarks, face.landmarks))
            if before is None or _distance(track.landmarks, face.landmarks) > track.pupils:
                continue
            step = _after(end, start)
            if _likeness(before, _shrunk(grey, scale), start, step) >= SAME:
                self._gone = [one for one in self._gone if one is not track]
                return replace(track, landmarks=face.landmarks, score=face.score, agreement=1.0, jumped=True, missed=0)
        return None

    def _keep(self, grey: np.ndarray) -> None:
        if not self.tracks:
            self._previous = None
            return
        self._scale = min(1.0, PUPILS / max(1.0, min(track.pupils for track in self.tracks)))
        self._previous = _shrunk(grey, self._scale)


def _tracked(track: Track, before: np.ndarray, after: np.ndarray, scale: float) -> bool:
    """Move one track from a small picture to the next; return False where the face cannot be followed."""
    start = face_frame((track.landmarks + 0.5) * scale - 0.5)
    points = (LATTICE @ start[:, :2].T + start[:, 2]).astype(np.float32)
    found, status, _ = cv2.calcOpticalFlowPyrLK(before, after, points, points.copy(), winSize=(13, 13), maxLevel=3)
    good = status[:, 0] == 1
    if good.sum() < 8:
        return False
    matrix, inliers = cv2.estimateAffinePartial2D(points[good], found[good], ransacReprojThreshold=AGREE, maxIters=200)
    if matrix is None:
        return False
    agreement, growth = float(inliers.sum()) / len(LATTICE), float(np.hypot(*matrix[:, 0]))
    if agreement < ENOUGH or not 1 / SCALE < growth < SCALE or _likeness(before, after, start, matrix) < SAME:
        return False
    for name in ("landmarks", "found"):
        moved = ((getattr(track, name) + 0.5) * scale - 0.5) @ matrix[:, :2].T + matrix[:, 2]
        setattr(track, name, (moved + 0.5) / scale - 0.5)
    step = face_frame((track.landmarks + 0.5) * scale - 0.5) - start
    track.jumped = float(np.hypot(*step[:, 2])) > JUMP * float(np.hypot(*start[:, 0]))
    track.agreement = agreement
    return True


def _likeness(before: np.ndarray, after: np.ndarray, start: np.ndarray, matrix: np.ndarray) -> float:
    """Return the correlation of grey levels at the lattice's places before and after."""
    x, y = np.meshgrid(np.linspace(-0.9, 0.9, 24), np.linspace(-0.5, 1.3, 24))
    places = np.stack([x.ravel(), y.ravel()], axis=1) @ start[:, :2].T + start[:, 2]
    moved = places @ matrix[:, :2].T + matrix[:, 2]
    pair = [
        cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for picture, (x, y) in ((before, places.T.astype(np.float32)), (after, moved.T.astype(np.float32)))
    ]
    first, second = (values.ravel().astype(float) - values.mean() for values in pair)
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum() / size) if size > 0 else 0.0  # a face is not flat


def _after(last: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return the similarity (2, 3) that leads from where `first` leads to where `last` does."""
    turn = last[:, :2] @ np.linalg.inv(first[:, :2])
    return np.column_stack([turn, last[:, 2] - turn @ first[:, 2]])


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.hypot(*(one - other).T).mean())


def _shrunk(grey: np.ndarray, scale: float) -> np.ndarray:
    return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
