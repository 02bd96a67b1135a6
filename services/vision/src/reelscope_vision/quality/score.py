"""One score of the measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reelscope_vision.quality.measures import Exposure

_SOFT: Final = 0.35
"""Sharpness at which half of the best factor is left, nearly: edges three pixels wide are seen as soft."""

_NOISY: Final = 0.05
"""Noise over contrast that halves the score: 12 grey levels in a picture with normal contrast, film pushed far."""

_NORMAL_CONTRAST: Final = 0.6
_LEAST_CONTRAST: Final = 0.05

_BLOCK_POWER: Final = 1.25
"""Weak grids are hidden by the picture's own detail."""

_BLACK_POWER: Final = 1.5
_WHITE_POWER: Final = 1.5
"""Some black is in most pictures, so that its first tenths cost little; blown-out white costs from the first pixel."""

_FLAT_CONTRAST: Final = 0.45
_FLAT: Final = 0.5
"""Contrast below which a picture looks flat, and the factor without any."""

_DULL_PEAK: Final = 0.72
_DULL_POWER: Final = 0.7
"""Level that the brightest half per cent reach in a well exposed picture, and how the score falls below: one stop less is
0.73 of any level."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What is measured of one picture, bars left out.

    Attributes:
        sharpness: See `quality.sharpness`; None: no edges.
        noise: Standard deviation in grey levels.
        blockiness: Strength of the 8 x 8 grid, in [0,1].
        exposure: How the levels are used.
    """

    sharpness: float | None
    noise: float
    blockiness: float
    exposure: Exposure


def overall(measures: Measures) -> float:
    """In [0,100]: the product of one factor per measure, each of which only falls as its measure gets worse.

    A product, since one flaw spoils a picture that is perfect otherwise. What can't be told has no say.
    """
    exposure = measures.exposure
    sharp = 1.0 if measures.sharpness is None else (1.0 + _SOFT) * measures.sharpness / (measures.sharpness + _SOFT)
    # What is seen of noise is its share of the contrast: it must not look better in an underexposed picture.
    contrast = min(_NORMAL_CONTRAST, max(exposure.contrast, _LEAST_CONTRAST))
    clean = 1.0 / (1.0 + (measures.noise / 255 / contrast / _NOISY) ** 2)
    smooth = 1.0 - measures.blockiness**_BLOCK_POWER
    unclipped = (1.0 - exposure.under**_BLACK_POWER) * (1.0 - exposure.over) ** _WHITE_POWER
    bright = min(1.0, exposure.peak / _DULL_PEAK) ** _DULL_POWER
    lively = 1.0 - (1.0 - _FLAT) * max(0.0, 1.0 - exposure.contrast / _FLAT_CONTRAST) ** 2
    return float(100.0 * sharp * clean * smooth * unclipped * bright * lively)
