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

_STRONGER: Final = 1.5
"""Times the edges that were near before: text stands out from the leaves and folds that it is put on."""

_NEAR: Final = np.ones((5, 5), np.uint8)
"""Edges that moved by up to two pixels are not new: a camera that drifts."""

_CELL: Final = 8
"""Pixels of a cell; strokes are counted over 5x3 of them, the width of a short word and the height of a line."""

_STROKES: Final = 12.0
"""Pixels of new edges from dark to bright in those cells, and as many from bright to dark: letters have both sides, the
outline of a thing has one."""

_AROUND: Final = np.ones((7, 13), np.uint8)
"""Cells around such strokes in which text is looked for: the rest of the line."""


@dataclass(frozen=True, slots=True)
class _Edges:
    """Of one picture: across and down, shape [h, w], grey levels."""

    across: NDArray[np.int16]
    down: NDArray[np.int16]

    @property
    def strength(self) -> Gray:
        return np.asarray(cv2.convertScaleAbs(np.abs(self.across) + np.abs(self.down)), np.uint8)


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
        small = cv2.resize(gray, None, fx=self._scale, fy=self._scale, interpolation=cv2.INTER_AREA)
        now = _Edges(*(np.asarray(cv2.Sobel(small, cv2.CV_16S, x, 1 - x, scale=0.25), np.int16) for x in (1, 0)))
        self._edges = now
        strength = now.strength
        if before is None or self._known is None or before.across.shape != now.across.shape:
            self._known = strength
            return []
        near = cv2.dilate(self._known, _NEAR)
        is_new = (strength > _EDGE) & (strength > _STRONGER * near)
        self._known = np.where(is_new, self._known, strength)
        self.are_settling = bool(is_new.any())
        change = cv2.absdiff(now.across, before.across) + cv2.absdiff(now.down, before.down)
        stays = is_new & (2 * change < strength)
        rising, falling = (_by_cell(stays & (sign * now.across > _EDGE // 2)) for sign in (1, -1))
        return self._areas(np.minimum(rising, falling) >= _STROKES, gray)

    def searched(self, area: Area) -> None:
        """Text was looked for there in the last picture: what is there now is known."""
        if self._known is None or self._edges is None:
            return
        left, top, right, bottom = (round(side * self._scale) for side in area)
        part = np.s_[top : bottom + 1, left : right + 1]
        self._known[part] = self._edges.strength[part]

    def _areas(self, cells: NDArray[np.bool_], gray: Gray) -> list[Area]:
        if not cells.any():
            return []
        wide = cv2.dilate(cells.astype(np.uint8), _AROUND)
        count, _, boxes, _ = cv2.connectedComponentsWithStats(wide)
        x, y = gray.shape[1] / cells.shape[1], gray.shape[0] / cells.shape[0]
        return [
            (int(left * x), int(top * y), round((left + across) * x), round((top + down) * y))
            for left, top, across, down, _ in boxes[1:count]
        ]


def _by_cell(pixels: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How many pixels are set in each cell and those around it."""
    height, width = pixels.shape
    cells = (max(1, width // _CELL), max(1, height // _CELL))
    share = cv2.resize(pixels.astype(np.float32), cells, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.boxFilter(share, -1, (5, 3), normalize=False) * (_CELL * _CELL), np.float32)
