"""Whether a picture shows so little that is new that the last look at one like it will do for a while."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image
from reelscope_vision.sampling.cells import CELL_CHANGE, GRID, Cells, cells_of
from reelscope_vision.tracking.boxes import Boxes

_MOVED: Final = 0.35
"""Of the picture's own contrast (the deviation of its cells), in a cell: something else is there now. A light that changes, or
a face that speaks, changes less."""

_MOVED_SHARE: Final = 0.01
"""Share of such cells from which something moved, or came, that is not known yet."""

_BODY_SHARE: Final = 0.03
"""The same within the box of a body. Between two looks a talking head moves 0 to 0.02 of it, hands that gesticulate 0.07,
somebody who walks or squats 0.2 and more, near or far."""

_LEAP_SHARE: Final = 0.3
"""Of all cells: a cut moves half of them and more; somebody who jumps about in the whole picture a fifth."""

_RIM: Final = 0.1
"""Of a box's size: an object that moves or turns changes what is behind its rim."""

Worth = NDArray[np.float32]
"""Shape [52, 52]: what a cell that moved counts for; 1 in all is worth a look."""


def anywhere() -> Worth:
    """Every cell counts alike."""
    return np.full((GRID, GRID), 1 / (_MOVED_SHARE * GRID**2), np.float32)


def on_bodies(boxes: Boxes) -> Worth:
    """For what a body does: cells within the boxes [n, 4] count as parts of them."""
    worth = anywhere()
    for place in _places(boxes, 0.0):
        share = np.float32(1 / (_BODY_SHARE * worth[place].size))
        worth[place] = np.maximum(worth[place], share)
    return worth


def around_objects(boxes: Boxes) -> Worth:
    """For where objects are: cells well within the boxes [n, 4] count for nothing, whatever the object does there."""
    worth = anywhere()
    for place in _places(boxes, _RIM):
        worth[place] = 0.0
    return worth


def _places(boxes: Boxes, rim: float) -> Iterable[tuple[slice, slice]]:
    """The cells that lie within each box but for its rim; only boxes that have some."""
    low = np.clip(boxes[:, :2] + rim * boxes[:, 2:], 0.0, 1.0) * GRID
    high = np.clip(boxes[:, :2] + (1 - rim) * boxes[:, 2:], 0.0, 1.0) * GRID
    corners = np.concatenate([np.ceil(low), np.floor(high)], axis=1).astype(int)
    for left, top, right, bottom in corners.tolist():
        if left < right and top < bottom:
            yield slice(top, bottom), slice(left, right)


class CalmGate:
    """Compares pictures with the last one that was looked at.

    Args:
        patience_s: How long one look does while nothing moves; where not one cell changes it does for ever.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._cells: Cells | None = None
        self._looked_s = 0.0
        self._worth = anywhere()
        self._asked: tuple[Image, Cells] | None = None

    def looked(self, picture: Image, time_s: float, worth: Worth) -> None:
        """Takes the picture [h, w, 3] to compare with; what was found in it says where a change counts."""
        self._cells, self._looked_s, self._worth = self._cells_of(picture), time_s, worth

    def wants(self, picture: Image, time_s: float) -> bool:
        """Whether a picture [h, w, 3] is worth a look."""
        change = self._change(picture)
        if float(change.max()) <= CELL_CHANGE:
            return False
        return float(self._worth[self._moved(change)].sum()) >= 1.0 or time_s >= self._looked_s + self._patience_s

    def moved(self, picture: Image) -> float:
        """What moved since the last look, by what it counts for: 1 is worth a look."""
        return float(self._worth[self._moved(self._change(picture))].sum())

    def leapt(self, picture: Image) -> bool:
        """Whether so much is another since the last look that it may be another shot."""
        return float(self._moved(self._change(picture)).mean()) >= _LEAP_SHARE

    def _change(self, picture: Image) -> NDArray[np.float32]:
        """Of each cell, in grey levels: infinite before the first look."""
        if self._cells is None:
            return np.full((GRID, GRID), np.inf, np.float32)
        change: NDArray[np.float32] = np.abs(self._cells_of(picture) - self._cells).max(axis=2)
        return change

    def _cells_of(self, picture: Image) -> Cells:
        """Of a picture about which several things are asked, once."""
        if self._asked is None or self._asked[0] is not picture:
            self._asked = picture, cells_of(picture)
        return self._asked[1]

    def _moved(self, change: NDArray[np.float32]) -> NDArray[np.bool_]:
        contrast = 0.0 if self._cells is None else float(self._cells.std(axis=(0, 1)).max())
        moved: NDArray[np.bool_] = change > max(CELL_CHANGE, _MOVED * contrast)
        return moved
