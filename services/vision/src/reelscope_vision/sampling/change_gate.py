"""Whether a picture changed at all since the last one that was looked at."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image

_GRID = 52
"""Cells on a side in which two frames are compared."""

_CELL_CHANGE = 5.0
"""Grey levels by which the mean of a cell must change for the frame to count as changed. Coding noise stays below 2; the
smallest thing that a detector finds covers several cells."""


class ChangeGate:
    """Compares pictures with the last one that was worth a look, on a coarse grid: work is saved while nothing changes."""

    def __init__(self) -> None:
        self._cells: NDArray[np.float32] | None = None

    def change(self, picture: Image) -> float:
        """Mean change of the cells since the last picture that passed, in grey levels; infinite for the first, and 0 where no
        cell changed enough. A picture that changed becomes the one to compare with."""
        cells = cv2.resize(picture, (_GRID, _GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
        if self._cells is None:
            self._cells = cells
            return float("inf")
        difference = np.abs(cells - self._cells)
        if float(difference.max()) <= _CELL_CHANGE:
            return 0.0
        self._cells = cells
        return float(difference.mean())
