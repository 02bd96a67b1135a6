"""Sharpness: how steep the steepest edges are for their height."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_vision.quality.measures import Blocks, Luma

_STEP: Final = 4
"""Pixels per cell in which extremes are taken."""

_REACH: Final = 9
"""Cells on a side of the window that an edge is looked at in: 36 pixels hold the edges of a blur of 9 pixels' deviation."""

_STRIDE: Final = 2
"""Cells from one window to the next."""

_LEAST_RANGE: Final = 10.0
"""Grey levels: a window with less has no edge to tell by."""

_CONTRAST_RANGE: Final = 0.25
"""Of the picture's contrast: what counts as an edge must not depend on the exposure."""

_NOISE_RANGE: Final = 10.0
"""Standard deviations of the noise that the range must exceed: white noise alone spans 6.5 in such a window."""

_NOISE_CONTRAST: Final = 5.0
"""Standard deviations that the contrast must exceed for there to be a picture behind the noise, which alone has 3.3."""

_STRONGEST: Final = 99.0
"""Percentile of the ranges that is an edge even in noise."""

_NOISE_STEP: Final = 4.6
"""Standard deviations taken off the steepest step: what noise alone makes of it in such a window."""

_SHARPEST: Final = 90.0
"""Percentile of the windows with edges: a sharp person in front of a blurred background is a sharp picture."""

_LEAST_SHARE: Final = 0.002
"""Of all windows; with fewer edges sharpness can't be told."""

_UNCLIPPED: Final = (8.0, 247.0)
"""Levels between which a window is whole: an edge that is cut off by white or black looks steeper than it is."""

_BLOCK: Final = 8

LEAST_SIDE: Final = 16
"""Pixels; a smaller picture has no windows."""

FINE_STEP: Final = 2
"""Pixels per cell where parts of a picture are compared: windows of 18 pixels."""

_FINE_EDGE: Final = 16.0
"""Grey levels within such a window from which it has an edge; the shading of a wall has less."""

_FINE_NOISE_RANGE: Final = 8.0
"""Standard deviations of the noise; noise alone spans 6 in such a window."""

_USUAL_SIDE: Final = 720
_SIDE_POWER: Final = 1 / 3
"""A smaller picture has fewer pixels of the same blur, though its own edges are hardly steeper: a third of the way."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Extremes in overlapping windows of a picture, each [rows, columns].

    Attributes:
        steepest: Largest step between neighbours, in grey levels.
        highest: Level.
        lowest: Level.
    """

    steepest: NDArray[np.float32]
    highest: NDArray[np.float32]
    lowest: NDArray[np.float32]

    @property
    def span(self) -> NDArray[np.float32]:
        """Range of levels."""
        return self.highest - self.lowest

    def slopes(self, chosen: NDArray[np.bool_], noise: float) -> NDArray[np.float32]:
        """Steepest step over the range of the chosen windows, in [0,1]: 1 is an edge within one pixel. A Gaussian blur of s
        pixels gives 0.4 / s where a window holds a whole edge, and up to 0.9 / s where it holds a part."""
        steps = np.maximum(self.steepest[chosen] - np.float32(_NOISE_STEP * noise), 0.0)
        return np.asarray(np.minimum(steps / self.span[chosen], 1.0), np.float32)


def windows(luma: Luma, grid: Blocks | None = None, *, step: int = _STEP) -> Windows:
    """Looks at windows of 9 x 9 cells.

    Args:
        luma: The picture, at least `LEAST_SIDE` on each side.
        grid: Edges of blocks, which are not the picture's.
        step: Pixels per cell.
    """
    across, down = cv2.absdiff(luma[:, 1:], luma[:, :-1]), cv2.absdiff(luma[1:], luma[:-1])
    if grid is not None:
        # However weak the grid is: a threshold would make the measure jump.
        across[:, grid.column :: _BLOCK] = 0
        down[grid.row :: _BLOCK] = 0
    inner = luma[:-1, :-1]
    return Windows(
        _largest(np.maximum(across[:-1], down[:, :-1]), step),
        _largest(inner, step),
        255 - _largest(np.asarray(cv2.bitwise_not(inner), np.uint8), step),
    )


def least_edge(noise: float) -> float:
    """Span of a window of `FINE_STEP` from which it has an edge, by the noise's standard deviation; all in grey levels."""
    return max(_FINE_EDGE, _FINE_NOISE_RANGE * noise)


def slope_scale(side: int) -> float:
    """Slope of one blur in a picture with this longer side over that in a picture of 720 pixels."""
    return float((_USUAL_SIDE / side) ** _SIDE_POWER)


def sharpness(luma: Luma, contrast: float, noise: float, grid: Blocks) -> float | None:
    """Slope of the sharpest edges, in [0,1], see `Windows.slopes`. None where the picture has no edges.

    The inverse of the edge width of Marziliano et al., A no-reference perceptual blur metric, 2002.

    Args:
        luma: The picture.
        contrast: Its usual range, of full range.
        noise: Its standard deviation, in grey levels.
        grid: Edges of blocks.
    """
    if min(luma.shape) < LEAST_SIDE:
        return None
    seen = windows(luma, grid)
    above_noise = _NOISE_RANGE * noise
    if contrast * 255 > _NOISE_CONTRAST * noise:
        # Noise may reach as far as the picture's own edges; then the strongest of them tell.
        above_noise = min(above_noise, float(np.percentile(seen.span, _STRONGEST)))
    has_edge = seen.span >= max(_LEAST_RANGE, _CONTRAST_RANGE * contrast * 255, above_noise)
    whole = has_edge & (seen.highest < _UNCLIPPED[1]) & (seen.lowest > _UNCLIPPED[0])
    least = max(1.0, _LEAST_SHARE * has_edge.size)
    if np.count_nonzero(whole) >= least:
        has_edge = whole
    elif np.count_nonzero(has_edge) < least:
        return None
    return float(np.percentile(seen.slopes(has_edge, noise), _SHARPEST))


def _largest(levels: NDArray[np.uint8], step: int) -> NDArray[np.float32]:
    """Maximum of each window."""
    cells = cv2.dilate(levels, np.ones((step, step), np.uint8))[step // 2 :: step, step // 2 :: step]
    return cv2.dilate(cells, np.ones((_REACH, _REACH), np.uint8))[::_STRIDE, ::_STRIDE].astype(np.float32)
