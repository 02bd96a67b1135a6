"""The exact first and last frame of a line, from the pictures between those in which it was looked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from reelscope_runtime.media.items import AnyItem
from reelscope_vision.text.line import Line, Look, bounds
from reelscope_vision.text.reader import LOOK_S, Ended
from reelscope_vision.text.shown import Frame, Place, follow, likeness_to, strength_of

KEPT_S: Final = LOOK_S + 0.2
"""Seconds of pictures that are kept: a line may be there since just after the last look at the whole picture."""

_MARGIN: Final = 0.15
"""Of the line's height, around it."""

_OURS: Final = 0.3
"""Share of a line's strokes from which a picture shows it: a fade is some frames old then."""

_STILL: Final = 0.6
"""Of the strength of a line's edges, that it must have where it moved."""


class Boundaries:
    """Keeps the last pictures, small and grey, and looks through them."""

    def __init__(self) -> None:
        self._kept: deque[Frame] = deque()

    def keep(self, item: AnyItem) -> None:
        """Takes the next frame."""
        gray = np.asarray(cv2.cvtColor(item.value, cv2.COLOR_RGB2GRAY), np.uint8)
        self._kept.append(Frame(item.index, item.time_s, item.end_s, gray))
        while self._kept[0].time_s < item.time_s - KEPT_S:
            self._kept.popleft()

    def begin(self, line: Line, size: tuple[int, int]) -> tuple[int, float]:
        """Index and time of the first frame that shows the line.

        Args:
            line: As it began.
            size: Width and height of the picture that its box is in.
        """
        frames = [one for one in reversed(self._kept) if one.index <= line.first.index]
        if line.absent is None or not frames:
            return line.first.index, line.first.time_s
        first = self._reached(frames, line, size, line.absent, is_alone=not line.is_successor)
        return first.index, first.time_s

    def end(self, ended: Ended, size: tuple[int, int]) -> tuple[int, float]:
        """Index and end of the last frame that shows the line."""
        line = ended.line
        until = ended.gone.index if ended.gone else self._kept[-1].index
        frames = [one for one in self._kept if line.confirmed.index <= one.index <= until]
        if not frames:
            last = next((one for one in reversed(self._kept) if one.index <= line.last.index), self._kept[0])
        else:
            last = self._reached(frames, line, size, ended.gone, is_alone=not ended.has_successor)
        return last.index, last.end_s

    def _reached(
        self, frames: Sequence[Frame], line: Line, size: tuple[int, int], without: Look | None, *, is_alone: bool
    ) -> Frame:
        """The last of the frames, of which the first shows the line, up to which all of them do.

        Args:
            frames: One after the other, forwards or backwards.
            line: Where it is in the first of them.
            size: Width and height of the picture that its box is in.
            without: A look that did not show it, if there is one.
            is_alone: Whether no other text stands in its place there: only then it may have moved.
        """
        hidden = None
        if without is not None:
            hidden = min((one for one in frames[1:]), key=lambda one: abs(one.index - without.index), default=None)
        place = _place(line, size, frames[0].gray.shape)
        like = likeness_to(frames[0], hidden, place, line_height=line.box.height * frames[0].gray.shape[0] / size[1])
        least = _STILL * strength_of(frames[0], place)
        reached, speed = frames[0], (0.0, 0.0)
        for one in frames[1:]:
            if like(one) >= _OURS:
                reached = one
                continue
            moved = follow(reached, one, place, speed, least) if is_alone else None
            if moved is None:
                break
            speed = (moved.left - place.left, moved.top - place.top)
            reached, place = one, moved
        return reached


def _place(line: Line, size: tuple[int, int], shape: Sequence[int]) -> Place:
    left, top, right, bottom = bounds(line.box)
    margin = _MARGIN * line.box.height
    x, y = shape[1] / size[0], shape[0] / size[1]
    return Place((left - margin) * x, (top - margin) * y, (right + margin) * x, (bottom + margin) * y)
