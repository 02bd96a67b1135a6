"""Pictures as coarse grids of cells, in which they are compared."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image
from reelscope_vision.scaling import shrunk

GRID: Final = 52
"""Cells on a side."""

CELL_CHANGE: Final = 5.0
"""Grey levels up to which the mean of a cell is the same: coding noise stays below 2, and the smallest thing that a detector
finds covers several cells."""

Cells = NDArray[np.float32]
"""Shape [52, 52, 3], in grey levels."""


def cells_of(picture: Image) -> Cells:
    """The means of the cells of a picture [h, w, 3]."""
    return shrunk(picture, (GRID, GRID)).astype(np.float32)
