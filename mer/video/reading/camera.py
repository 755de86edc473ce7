"""Read the frames of a camera of this machine as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import cv2

from mer.video.reading.frame_source import FrameSource, VideoError, VideoFrame

#: OpenCV's level of messages at which it prints none.
SILENT = 0


@dataclass
class Camera(FrameSource):
    """A camera of this machine by its number, until it ends or the reader stops; times are the clock's."""

    number: int = 0

    def __iter__(self) -> Iterator[VideoFrame]:
        self.notes.clear()
        level = cv2.utils.logging.setLogLevel(SILENT)  # the error below says it
        capture = cv2.VideoCapture(self.number)
        cv2.utils.logging.setLogLevel(level)
        try:
            start, index = 0.0, 0
            while True:
                there, pixels = capture.read()
                if not there:
                    break
                now = time.monotonic()
                start = now if not index else start
                yield VideoFrame(index, now - start, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
                index += 1
        finally:
            capture.release()
        if not index:
            raise VideoError(f"{self.name}: there is none, or another program uses it; try another number, e.g. 1")
