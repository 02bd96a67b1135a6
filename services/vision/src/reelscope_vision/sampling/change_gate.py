"""Whether a picture changed at all since the last one that was looked at."""

from __future__ import annotations

import numpy as np

from reelscope_runtime.media.items import Image
from reelscope_vision.sampling.cells import CELL_CHANGE, Cells, cells_of


class ChangeGate:
    """Compares pictures with the last one that was worth a look, on a coarse grid: work is saved while nothing changes."""

    def __init__(self) -> None:
        self._cells: Cells | None = None

    def change(self, picture: Image) -> float:
        """Mean change of the cells since the last picture that passed, in grey levels; infinite for the first, and 0 where no
        cell changed enough. A picture that changed becomes the one to compare with."""
        cells = cells_of(picture)
        if self._cells is None:
            self._cells = cells
            return float("inf")
        difference = np.abs(cells - self._cells)
        if float(difference.max()) <= CELL_CHANGE:
            return 0.0
        self._cells = cells
        return float(difference.mean())
