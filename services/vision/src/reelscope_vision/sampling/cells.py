"""Pictures as coarse grids of cells, in which they are compared."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image

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


def shrunk(picture: Image, size: tuple[int, int]) -> Image:
    """A picture [h, w, 3] at a smaller width and height (or a larger one); each pixel is the mean of what it covers.

    Halves are made while they will do: OpenCV has the means of 2 x 2 pixels ten times as fast as those of any other area. A
    last odd row or column is left out then.
    """
    width, height = size
    while picture.shape[0] >= 2 * height and picture.shape[1] >= 2 * width:
        rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
        halved = cv2.resize(picture[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
        picture = np.asarray(halved, np.uint8)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
