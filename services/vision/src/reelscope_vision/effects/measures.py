"""What is measured on one frame for effects to be told from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.effects.layout import Layout

CELLS: Final = 8
"""Cells on a side over which change and detail are kept."""


@dataclass(frozen=True, slots=True)
class FrameMeasures:
    """Value of the items of the feature "frame_measures"; grey levels are of 0..255.

    Attributes:
        luma: Mean.
        spread: Standard deviation of the luma.
        chroma: Mean over the pixels of the largest difference between two of red, green and blue.
        tint: How much colour the brightness of the pixels explains, in grey levels: the largest chroma along the curve.
        stray: How far the pixels' colours are from that curve, root mean square; 0 if there is one for each brightness.
        fringe: Pixels, in hundredths of the width, by which red lies to the right of blue; 0 where the channels agree.
        detail: Mean of the absolute Laplacian: what a blur takes away.
        details: The same for each cell, shape [64] float16.
        change: Mean absolute difference to the frame before; NaN for the first.
        cells: The same of a much smaller picture, over which things move by less than they are large, so that it grows with
            their speed; for each cell, shape [64] float16.
        symmetry: Correlation with the mirrored picture, -1..1.
        layout: Twice a second; None in between.
    """

    luma: float
    spread: float
    chroma: float
    tint: float
    stray: float
    fringe: float
    detail: float
    details: NDArray[np.float16]
    change: float
    cells: NDArray[np.float16]
    symmetry: float
    layout: Layout | None
