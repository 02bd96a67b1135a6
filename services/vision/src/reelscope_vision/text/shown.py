"""Whether a picture shows a line that another one shows: by its strokes, in the same place or near it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_vision.text.strokes import Gray

_LETTER: Final = 0.6
"""Width of a letter in line heights: the letters that tell most decide, so that a digit of a long line is enough."""

_TELLING: Final = 0.5
"""Of the most telling letter's strokes, for a letter to have a say."""

_EDGE: Final = 12.0
"""Grey levels over an edge, that coding noise doesn't reach."""

_OWN: Final = 0.5
"""Of a stroke's edge that is seen at most where the line is not, for the edge to be the line's own."""

_LEAST_OWN: Final = 0.05
"""Of a letter's strokes; where no letter has so much of its own, the line is in both frames."""

_SAME: Final = 0.6
"""Correlation of its edges with those in the frame before, of a line that moved, grew or shrank: 0.3 of no such line."""

_REACH: Final = (2.0, 1.0)
"""Line heights, across and down, that a line's speed changes by from frame to frame."""

_SIZES: Final = (1.0, 0.87, 1.15, 0.75)
"""Times its size in the frame before: what pops up grows by so much."""

_LEAST_SIDE: Final = 6


@dataclass(frozen=True, slots=True)
class Frame:
    """A kept frame.

    Attributes:
        index: Of the decoded frame.
        time_s: Its timestamp.
        end_s: That of the next one.
        gray: Shape [h, w].
    """

    index: int
    time_s: float
    end_s: float
    gray: Gray


@dataclass(frozen=True, slots=True)
class Place:
    """Sides of a part of a frame, in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def of(self, gray: Gray, around: tuple[float, float] = (0.0, 0.0)) -> Gray:
        """The part, at least a pixel large, with so many pixels around it, across and down."""
        height, width = gray.shape
        x, y = self.corner(around)
        right, bottom = int(np.ceil(self.right + around[0])), int(np.ceil(self.bottom + around[1]))
        x, y = min(x, width - 1), min(y, height - 1)
        return gray[y : min(max(bottom, y + 1), height), x : min(max(right, x + 1), width)]

    def corner(self, around: tuple[float, float] = (0.0, 0.0)) -> tuple[int, int]:
        """Left and top of that part."""
        return max(0, int(self.left - around[0])), max(0, int(self.top - around[1]))


def likeness_to(shown: Frame, hidden: Frame | None, place: Place, *, line_height: float) -> Callable[[Frame], float]:
    """How much of a line's strokes a frame has, about 1 where it shows the line and about 0 where it does not.

    Measured on the edges of the line's own strokes alone, so that it does not matter what is behind them, nor what was there
    before a cut.

    Args:
        shown: A frame that shows the line.
        hidden: One that does not, if there is one: what both have is not the line's.
        place: Of the line.
        line_height: In pixels.
    """
    across, down = _edges(place.of(shown.gray))
    strength = across**2 + down**2
    own = strength >= _EDGE**2
    starts = np.arange(0, strength.shape[1], max(1, round(_LETTER * line_height)))
    told = all_ = np.add.reduceat((strength * own).sum(axis=0), starts)
    if hidden is not None:
        other = _edges(place.of(hidden.gray))
        differs = own & (across * other[0] + down * other[1] <= _OWN * strength)
        differing = np.add.reduceat((strength * differs).sum(axis=0), starts)
        if bool((differing > _LEAST_OWN * all_).any()):
            own, told = differs, differing
    telling = told >= _TELLING * max(float(told.max()), 1.0)

    def share(frame: Frame) -> float:
        theirs = _edges(place.of(frame.gray))
        kept = np.clip(across * theirs[0] + down * theirs[1], -strength, strength) * own
        shares = np.add.reduceat(kept.sum(axis=0), starts)[telling] / told[telling]
        return float(np.median(shares))

    if not telling.any():
        return lambda _: 1.0
    none = share(hidden) if hidden is not None and told is not all_ else 0.0
    return lambda frame: (share(frame) - none) / (1 - none)


def strength_of(frame: Frame, place: Place) -> float:
    """Mean over the edges in a part of a frame, in grey levels."""
    return float(np.hypot(*_edges(place.of(frame.gray))).mean())


def follow(before: Frame, frame: Frame, place: Place, speed: tuple[float, float], least: float) -> Place | None:
    """Where a line is that stood elsewhere in the frame before, or None where it is not to be found.

    Args:
        before: Shows the line.
        frame: The next one.
        place: Of the line in `before`.
        speed: Pixels that it moved by to get there, to the right and down.
        least: Strength of its edges that it must have there: what is behind a line that faded away may move too.
    """
    line = np.hypot(*_edges(place.of(before.gray)))
    height = place.bottom - place.top
    if min(line.shape) < _LEAST_SIDE:
        return None
    around = (abs(speed[0]) + _REACH[0] * height, abs(speed[1]) + _REACH[1] * height)
    field, corner = np.hypot(*_edges(place.of(frame.gray, around))), place.corner(around)
    best, found = _SAME, None
    for size in _SIZES:
        sized = line if size == 1 else cv2.resize(line, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
        if sized.shape[0] > field.shape[0] or sized.shape[1] > field.shape[1]:
            continue
        likeness = cv2.matchTemplate(field, sized, cv2.TM_CCOEFF_NORMED)
        _, most, _, (x, y) = cv2.minMaxLoc(likeness)
        if most > best:
            left, top = corner[0] + x, corner[1] + y
            best, found = most, Place(left, top, left + sized.shape[1], top + sized.shape[0])
    stood = Place(*place.corner(), place.corner()[0] + line.shape[1], place.corner()[1] + line.shape[0])
    return None if found is None or found == stood or strength_of(frame, found) < least else found


def _edges(part: Gray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    across, down = (cv2.Sobel(part, cv2.CV_32F, x, 1 - x, scale=0.25) for x in (1, 0))
    return np.asarray(across, np.float32), np.asarray(down, np.float32)
