"""Which parts of a picture are sharp: the depth cue that a lens gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_vision.quality.measures import Luma, noise
from reelscope_vision.quality.sharpness import FINE_STEP, LEAST_SIDE, least_edge, slope_scale, windows

GRID: Final = 16
"""Cells on a side."""

_LEAST_EDGES: Final = 0.15
"""Share of a cell's windows with edges, for the cell to count."""

_MARGIN: Final = 1
"""Cells about the subject that belong to neither: its outline is sharp."""

_LEAST_CELLS: Final = 4
_PLAIN_CELLS: Final = 0.12
"""Share of the background's cells with edges, below which it is plain."""

_SOFTER: Final = 0.6
"""Of the subject's slope that a background out of focus stays below; a lens that draws all alike keeps within a quarter."""

_SOFT: Final = 0.22
"""Slope below which edges are out of focus at all: a blur of 3 pixels in a picture of 720 pixels."""

_ALIKE: Final = 0.75


@dataclass(frozen=True, slots=True)
class FocusGrid:
    """Sharpness over the picture.

    Attributes:
        slopes: Shape [16, 16] float16, mean slope of the edges in each cell (see `quality.sharpness`); NaN without edges.
        side: Longer side of the picture, in pixels.
    """

    slopes: NDArray[np.float16]
    side: int

    def depth(self, box: tuple[float, float, float, float]) -> str:
        """The depth cue: "flat", "shallow_focus", "deep_focus", or empty where nothing tells.

        Args:
            box: Of the subject: x, y, w, h in picture sizes.
        """
        if not np.isfinite(self.slopes).any():
            return ""
        rows, columns = _cells(box[1], box[3], 0), _cells(box[0], box[2], 0)
        subject = self.slopes[rows, columns].astype(np.float64)
        outside = np.ones(self.slopes.shape, bool)
        outside[_cells(box[1], box[3], _MARGIN), _cells(box[0], box[2], _MARGIN)] = False
        behind = self.slopes[outside].astype(np.float64)
        if len(behind) < _LEAST_CELLS:
            return ""
        known, front = behind[np.isfinite(behind)], subject[np.isfinite(subject)]
        if len(known) < max(_LEAST_CELLS, _PLAIN_CELLS * len(behind)):
            return "flat"
        if not len(front):
            return ""
        background = float(np.median(known))
        ratio = background / max(float(np.percentile(front, 75)), 1e-6)
        if ratio <= _SOFTER and background <= _SOFT * slope_scale(self.side):
            return "shallow_focus"
        return "deep_focus" if ratio >= _ALIKE else ""


def _cells(start: float, length: float, margin: int) -> slice:
    """Cells that a side of a box reaches, at least one."""
    low = int(np.clip(np.floor(start * GRID), 0, GRID - 1))
    high = int(np.clip(np.ceil((start + length) * GRID), low + 1, GRID))
    return slice(max(0, low - margin), min(GRID, high + margin))


def focus_grid(luma: Luma) -> FocusGrid:
    """Measures one picture."""
    side = max(luma.shape)
    unknown = FocusGrid(np.full((GRID, GRID), np.nan, np.float16), side)
    if min(luma.shape) < LEAST_SIDE * 2:
        return unknown
    deviation = noise(luma)
    seen = windows(luma, step=FINE_STEP)
    rows, columns = seen.span.shape
    if min(rows, columns) < GRID:
        return unknown
    has_edge = seen.span >= least_edge(deviation)
    slopes = np.zeros(seen.span.shape, np.float32)
    slopes[has_edge] = seen.slopes(has_edge, deviation)
    size = (GRID, GRID)
    share = cv2.resize(has_edge.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(slopes, size, interpolation=cv2.INTER_AREA) / np.maximum(share, 1e-6)
    return FocusGrid(np.where(share >= _LEAST_EDGES, mean, np.nan).astype(np.float16), side)
