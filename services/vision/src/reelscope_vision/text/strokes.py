"""Whether the strokes of a line are still the same, without reading it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]

_HEIGHT: Final = 24
"""Pixels that a line is scaled to: enough for the strokes of a letter, and cheap."""

_EDGE: Final = 48.0
"""Sobel magnitude / 4 of the edge of a stroke: text is made to stand out from what is behind it."""

_LETTER: Final = 8
"""Pixels: width of a letter in a scaled line, over which strokes must agree: one digit of a clock that changes is seen."""

_KEPT: Final = 0.65
"""Share of a letter's edges that are found again, with a pixel of tolerance, where the letter is the same."""

_LEAST_EDGES: Final = 6

_CALM: Final = 0.2
"""Share of changed pixels up to which the background rests: one digit of a short line is a tenth of it."""

_LETTER_CHANGED: Final = 0.12
"""Share of a letter's pixels that change, before a background at rest, when it becomes another."""

_CHANGED: Final = 32
"""Grey levels by which a pixel changes that no coding noise changes."""

_NEAR: Final = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Strokes:
    """A line as it looked when it was read.

    Attributes:
        area: Left, top, right, bottom in pixels of the picture.
        gray: The scaled line, shape [24, w].
        edges: Where the strokes' edges are, shape [24, w].
    """

    area: tuple[int, int, int, int]
    gray: Gray
    edges: NDArray[np.bool_]

    @classmethod
    def of(cls, gray: Gray, area: tuple[int, int, int, int]) -> Strokes:
        """The strokes of a part of a picture."""
        line = _scaled(gray, area)
        return cls(area, line, _edges(line))

    def are_in(self, gray: Gray) -> bool:
        """Whether all letters are still there, whatever moves behind them."""
        now = _scaled(gray, self.area)
        changed = cv2.absdiff(self.gray, now) > _CHANGED
        if changed.mean() <= _CALM:
            return bool((_by_letter(changed) <= _LETTER_CHANGED * _HEIGHT * _LETTER).all())
        near = np.asarray(cv2.dilate(_edges(now).astype(np.uint8), _NEAR)) > 0
        kept, all_ = _by_letter(self.edges & near), _by_letter(self.edges)
        told = all_ >= _LEAST_EDGES
        return bool(told.any()) and bool((kept[told] >= _KEPT * all_[told]).all())

    def is_calm(self, gray: Gray) -> bool:
        """Whether the background rests, so that `are_in` is certain."""
        return bool((cv2.absdiff(self.gray, _scaled(gray, self.area)) > _CHANGED).mean() <= _CALM)


def _by_letter(pixels: NDArray[np.bool_]) -> NDArray[np.intp]:
    """How many pixels are set over the width of each letter."""
    return np.add.reduceat(pixels.sum(axis=0), np.arange(0, pixels.shape[1], _LETTER))


def _scaled(gray: Gray, area: tuple[int, int, int, int]) -> Gray:
    left, top, right, bottom = area
    part = gray[top:bottom, left:right]
    width = max(_LETTER, round(part.shape[1] * _HEIGHT / part.shape[0]))
    return np.asarray(cv2.resize(part, (width, _HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _edges(line: Gray) -> NDArray[np.bool_]:
    across = cv2.Sobel(line, cv2.CV_32F, 1, 0) / 4
    down = cv2.Sobel(line, cv2.CV_32F, 0, 1) / 4
    return np.asarray(np.hypot(across, down) >= _EDGE)
