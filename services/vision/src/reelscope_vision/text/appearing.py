"""Where text may have appeared since it was last looked for: far cheaper than looking for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_vision.text.strokes import Gray

Area = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the picture."""

_LONGEST: Final = 640
"""Pixels of the longer side in which edges are compared: the strokes of letters of 14 pixels in 1280 are still seen."""

_EDGE: Final = 16
"""Grey levels over the edge of a stroke: pale text on a pale ground has as much."""

_SIDE: Final = _EDGE // 2
"""Grey levels that an edge across has at least, to count as one side of a stroke."""

_STRONGER: Final = 1.5
"""Times the edges that were near before: text stands out from the leaves and folds that it is put on."""

_BAR: Final = np.maximum(_EDGE, np.minimum(255, np.arange(256) * _STRONGER)).astype(np.uint8)
"""What an edge must exceed to be new, for each strength of those that were near."""

_NEAR: Final = np.ones((5, 5), np.uint8)
"""Edges that moved by up to two pixels are not new: a camera that drifts."""

_CELL: Final = 8
"""Pixels of a cell; strokes are counted over 5x3 of them, the width of a short word and the height of a line."""

_STROKES: Final = 12.0
"""Pixels of new edges from dark to bright in those cells, and as many from bright to dark: letters have both sides, the
outline of a thing has one."""

_NARROW: Final = ((5, 10.0), (20, 20.0))
"""Pixels between two sides of a stroke, at most, and how many of the pixels of each side must have the other so near. The
letters of titles are wider than others, as are hems that rest for a moment: of them more must be seen. Fingers and arms are
wider still."""

_AROUND: Final = np.ones((7, 13), np.uint8)
"""Cells around such strokes in which text is looked for: the rest of the line."""


@dataclass(frozen=True, slots=True)
class _Edges:
    """Of one picture: across, down and both together, shape [h, w], grey levels."""

    across: NDArray[np.int16]
    down: NDArray[np.int16]
    strength: Gray

    @classmethod
    def of(cls, gray: Gray) -> _Edges:
        across, down = (cv2.Sobel(gray, cv2.CV_16S, x, 1 - x, scale=0.25) for x in (1, 0))
        strength = cv2.add(cv2.convertScaleAbs(across), cv2.convertScaleAbs(down))
        return cls(np.asarray(across, np.int16), np.asarray(down, np.int16), np.asarray(strength, np.uint8))

    def are_like(self, other: _Edges) -> Gray:
        """Where the edges are about the same in another picture: 255."""
        change = cv2.add(cv2.absdiff(self.across, other.across), cv2.absdiff(self.down, other.down))
        return np.asarray(cv2.compare(cv2.convertScaleAbs(change, alpha=2), self.strength, cv2.CMP_LT), np.uint8)


class NewStrokes:
    """Compares the edges of sampled pictures.

    What is put on a picture stays where it is while the rest moves. So text may be where edges stand out that were not there
    when text was last looked for, and that are the same in two pictures in a row.
    """

    def __init__(self) -> None:
        self._known: Gray | None = None
        self._edges: _Edges | None = None
        self._scale = 1.0
        self.are_settling = False
        """Whether the last picture has new edges, of which only the next one tells whether they stay."""

    def look(self, gray: Gray) -> list[Area]:
        """Takes the next sampled picture; says where new strokes stay, each place until it was `searched`."""
        before = self._edges
        self._scale = min(1.0, _LONGEST / max(gray.shape))
        # Down to a half all pixels count either way, in a tenth of the time.
        how = cv2.INTER_LINEAR if max(gray.shape) < 2 * _LONGEST else cv2.INTER_AREA
        small = cv2.resize(gray, None, fx=self._scale, fy=self._scale, interpolation=how)
        now = self._edges = _Edges.of(np.asarray(small, np.uint8))
        if before is None or self._known is None or before.strength.shape != now.strength.shape:
            self._known = now.strength.copy()
            return []
        is_new = cv2.compare(now.strength, cv2.LUT(cv2.dilate(self._known, _NEAR), _BAR), cv2.CMP_GT)
        cv2.copyTo(now.strength, cv2.bitwise_not(is_new), self._known)
        self.are_settling = cv2.countNonZero(is_new) > 0
        if not self.are_settling:
            return []
        stays = cv2.bitwise_and(is_new, now.are_like(before))
        rising, falling = (np.asarray(stays * (sign * now.across > _SIDE), np.uint8) for sign in (1, -1))
        return self._areas(_have_strokes(rising, falling))

    def searched(self, area: Area) -> None:
        """Text was looked for there in the last picture: what is there now is known."""
        if self._known is None or self._edges is None:
            return
        left, top, right, bottom = (round(side * self._scale) for side in area)
        part = np.s_[top : bottom + 1, left : right + 1]
        self._known[part] = self._edges.strength[part]

    def _areas(self, cells: NDArray[np.bool_]) -> list[Area]:
        if not cells.any():
            return []
        wide = cv2.dilate(cells.astype(np.uint8), _AROUND)
        count, _, boxes, _ = cv2.connectedComponentsWithStats(wide)
        size = _CELL / self._scale
        return [
            (int(left * size), int(top * size), round((left + across) * size), round((top + down) * size))
            for left, top, across, down, _ in boxes[1:count]
        ]


def _have_strokes(rising: Gray, falling: Gray) -> NDArray[np.bool_]:
    """In which cells there are strokes of letters.

    Args:
        rising: Where new edges are from dark to bright, from left to right: 255.
        falling: The same from bright to dark.
    """
    cells = _by_cell(rising, falling) >= _STROKES
    if not cells.any():
        return cells
    narrow = np.zeros_like(cells)
    for width, least in _NARROW:
        near = np.ones((1, 2 * width + 1), np.uint8)
        left = cv2.bitwise_and(rising, cv2.dilate(falling, near))
        right = cv2.bitwise_and(falling, cv2.dilate(rising, near))
        narrow |= _by_cell(np.asarray(left, np.uint8), np.asarray(right, np.uint8)) >= least
    return cells & narrow


def _by_cell(*sides: Gray) -> NDArray[np.float32]:
    """How many pixels are set in each cell and those around it, of the side that has fewer.

    What is left over on the right and at the bottom, less than a cell, is too narrow for a word, and with it the means would
    take five times as long.
    """
    height, width = (max(1, length // _CELL) for length in sides[0].shape)
    parts = (side[: height * _CELL, : width * _CELL] for side in sides)
    shares = (cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA) for part in parts)
    counts = [cv2.boxFilter(share, cv2.CV_32F, (5, 3), normalize=False) for share in shares]
    return np.asarray(np.min(counts, axis=0) * (_CELL * _CELL / 255), np.float32)
