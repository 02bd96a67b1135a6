"""The exact first and last frame of a line, from the pictures between those in which it was looked for."""

from __future__ import annotations

from collections import deque
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import AnyItem
from reelscope_vision.text.line import Line, Look, bounds
from reelscope_vision.text.strokes import Gray

KEPT_S: Final = 1.3
"""Seconds of pictures that are kept: two looks at the whole picture may lie between a line's first picture and its finding."""

_MARGIN: Final = 0.15
"""Of the line's height, around it."""

_OURS: Final = 0.5
"""A picture is the line's where it is nearer to one that shows it than to one that does not."""

_LETTER: Final = 0.6
"""Width of a letter in line heights: the letter that tells most decides, so that a digit of a long line is enough."""


class Boundaries:
    """Keeps the last pictures, small and grey, and looks through them."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, float, float, Gray]] = deque()

    def keep(self, item: AnyItem) -> None:
        """Takes the next frame."""
        gray = np.asarray(cv2.cvtColor(item.value, cv2.COLOR_RGB2GRAY), np.uint8)
        self._kept.append((item.index, item.time_s, item.end_s, gray))
        while self._kept[0][1] < item.time_s - KEPT_S:
            self._kept.popleft()

    def begin(self, line: Line, size: tuple[int, int]) -> tuple[int, float]:
        """Index and time of the first frame that shows the line.

        Args:
            line: As it began.
            size: Width and height of the picture that its box is in.
        """
        between = self._between(line.absent, line.first, line, size)
        if line.absent is None or between is None:
            return line.first.index, line.first.time_s
        frames, likeness = between
        at = len(frames) - 1
        while at > 0 and likeness[at - 1] >= _OURS:
            at -= 1
        return frames[at][0], frames[at][1]

    def end(self, line: Line, gone: Look | None, size: tuple[int, int]) -> tuple[int, float]:
        """Index and end of the last frame that shows the line; the last frame of all where it is never gone."""
        if gone is None:
            last = self._kept[-1]
            return last[0], last[2]
        between = self._between(gone, line.last, line, size)
        if between is None:
            last = next((one for one in reversed(self._kept) if one[0] <= line.last.index), self._kept[0])
            return last[0], last[2]
        frames, likeness = between
        at = 0
        while at + 1 < len(frames) and likeness[at + 1] >= _OURS:
            at += 1
        return frames[at][0], frames[at][2]

    def _between(
        self, without: Look | None, with_: Look, line: Line, size: tuple[int, int]
    ) -> tuple[list[tuple[int, float, float]], NDArray[np.float64]] | None:
        """Frames from one look to the other, and of each how much nearer it is to the one that shows the line, 0..1."""
        if without is None:
            return None
        first, last = sorted((without.index, with_.index))
        frames = [one for one in self._kept if first <= one[0] <= last]
        if not frames or (frames[0][0], frames[-1][0]) not in {(first, last), (last, first)}:
            frames = [one for one in self._kept if first - 1 <= one[0] <= last + 1]
        if len(frames) < 2:  # noqa: PLR2004 - the two looks themselves
            return None
        parts = [_letters(one[3], line, size) for one in frames]
        shown, hidden = (parts[-1], parts[0]) if with_.index > without.index else (parts[0], parts[-1])
        told = np.abs(shown - hidden).sum(axis=(0, 2))
        letter = int(told.argmax())
        way = (shown - hidden)[:, letter].ravel()
        length = float(way @ way)
        if length <= 0:
            return None
        likeness = [float((part[:, letter] - hidden[:, letter]).ravel() @ way) / length for part in parts]
        return [one[:3] for one in frames], np.array(likeness)


def _letters(gray: Gray, line: Line, size: tuple[int, int]) -> NDArray[np.float32]:
    """The line in a picture, shape [rows, letters, columns]."""
    height, width = gray.shape
    left, top, right, bottom = bounds(line.box)
    margin = _MARGIN * line.box.height
    x, y = width / size[0], height / size[1]
    rows = slice(max(0, int((top - margin) * y)), max(1, int(np.ceil((bottom + margin) * y))))
    columns = slice(max(0, int((left - margin) * x)), max(1, int(np.ceil((right + margin) * x))))
    part = gray[rows, columns].astype(np.float32)
    letters = max(1, round((right - left) / max(_LETTER * (bottom - top), 1.0)))
    wide = max(1, part.shape[1] // letters)
    letters = max(1, part.shape[1] // wide)
    return part[:, : letters * wide].reshape(part.shape[0], letters, wide)
