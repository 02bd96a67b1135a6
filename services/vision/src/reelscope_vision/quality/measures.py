"""Classical quality measures of one picture's luma at its native size: noise, blockiness, exposure, contrast."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
"""Shape [height, width], 0..255."""

_SECOND_DIFFERENCE: Final = np.array([1.0, -2.0, 1.0], np.float32)
"""Of both axes: a response of 0 to every plane, of 6 standard deviations to white noise."""

_NOISE_GAIN: Final = 6.0

_NOISE_CELL: Final = 16
"""Pixels on a side: large enough for an estimate within 5 %, small enough to lie in a flat part of most pictures."""

_FLATTEST: Final = 20.0
"""Percentile of the cells that is taken for flat: what responds there is noise, not texture."""

_UNCLIPPED: Final = (24.0, 232.0)
"""Mean levels of cells in which noise is not cut off by black or white."""

_LEAST_CELLS: Final = 8

_BLOCK: Final = 8
"""Pixels between the block edges of JPEG, MPEG-1/2 and the larger transforms of H.264."""

_LEAST_BLOCKS: Final = 4
"""Blocks along an axis for its edges to be told from the picture's own."""

_FAINT: Final = 1.0
"""Grey levels: block edges much weaker than this can't be seen, whatever their ratio to the rest."""

_CRUSHED: Final = 12
"""Luma up to which a pixel is black without detail: 0.4 % of white's light."""

_BLOWN: Final = 246
"""Luma from which a pixel is white without detail; coding moves clipped white down by some levels."""

_DARK_SHARE: Final = 0.05
_BRIGHT_SHARE: Final = 0.95
_PEAK_SHARE: Final = 0.995


@dataclass(frozen=True, slots=True)
class Blocks:
    """The grid of block edges.

    Attributes:
        strength: 0 none, towards 1 where nearly all change of the picture is at the edges of blocks.
        column: First column whose difference to the next one crosses an edge; the others follow every 8 pixels.
        row: The same of rows.
    """

    strength: float
    column: int
    row: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """How the levels are used.

    Attributes:
        under: Share of crushed black pixels.
        over: Share of blown-out pixels.
        contrast: Between the 5th and the 95th percentile, of full range.
        peak: Level that half a per cent of the pixels exceed, of full range.
    """

    under: float
    over: float
    contrast: float
    peak: float


def noise(luma: Luma) -> float:
    """Standard deviation of white noise, in grey levels.

    Immerkær, Fast noise variance estimation, 1996; taken in the flattest cells, so that texture is not noise.
    """
    if min(luma.shape) < _NOISE_CELL:
        return 0.0
    second = cv2.sepFilter2D(luma, cv2.CV_16S, _SECOND_DIFFERENCE, _SECOND_DIFFERENCE)
    responses = _cell_means(np.asarray(cv2.convertScaleAbs(second), np.uint8))
    levels = _cell_means(luma)
    unclipped = (levels > _UNCLIPPED[0]) & (levels < _UNCLIPPED[1])
    if np.count_nonzero(unclipped) >= _LEAST_CELLS:
        responses = responses[unclipped]
    # The mean of |x| of a normal distribution is sqrt(2 / pi) of its standard deviation.
    return float(np.percentile(responses, _FLATTEST)) * math.sqrt(math.pi / 2) / _NOISE_GAIN


def _cell_means(levels: Luma) -> NDArray[np.float64]:
    """Mean of each whole cell, [rows, columns]."""
    rows, columns = (size // _NOISE_CELL for size in levels.shape)
    whole = levels[: rows * _NOISE_CELL, : columns * _NOISE_CELL]
    bands = whole.reshape(rows, _NOISE_CELL, -1).sum(axis=1, dtype=np.uint16)
    return np.asarray(bands.reshape(rows, columns, _NOISE_CELL).sum(axis=2, dtype=np.uint32) / _NOISE_CELL**2)


def blocks(luma: Luma) -> Blocks:
    """The 8 x 8 grid, wherever it begins: a cropped or turned picture has it elsewhere.

    After Wang, Sheikh, Bovik, No-reference perceptual quality assessment of JPEG compressed images, 2002: the mean difference
    across the edges of blocks, over that within them; here the edges are where the differences are largest.
    """
    if min(luma.shape) < _BLOCK * _LEAST_BLOCKS:
        return Blocks(0.0, 0, 0)
    across, column = _comb(cv2.absdiff(luma[:, 1:], luma[:, :-1]), 0)
    down, row = _comb(cv2.absdiff(luma[1:], luma[:-1]), 1)
    return Blocks((across + down) / 2, column, row)


def _comb(steps: NDArray[Any], axis: int) -> tuple[float, int]:
    """How far one of the 8 places along the other axis stands out of the others, in [0,1], and which it is."""
    differences = np.asarray(cv2.reduce(steps, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F)).ravel()
    whole = len(differences) // _BLOCK * _BLOCK
    means = differences[:whole].reshape(-1, _BLOCK).mean(axis=0)
    order = np.argsort(means)
    edge = float(means[order[-1]])
    return (edge - float(np.median(means[order[:-1]]))) / (edge + _FAINT), int(order[-1])


def exposure(luma: Luma) -> Exposure:
    """How the levels are used."""
    counts = cv2.calcHist([luma], [0], None, [256], [0.0, 256.0]).ravel()
    shares = counts.astype(np.float64).cumsum() / luma.size
    dark, bright, peak = (int(one) for one in np.searchsorted(shares, (_DARK_SHARE, _BRIGHT_SHARE, _PEAK_SHARE)))
    return Exposure(
        under=float(shares[_CRUSHED]),
        over=max(0.0, 1.0 - float(shares[_BLOWN - 1])),
        contrast=(bright - dark) / 255,
        peak=peak / 255,
    )
