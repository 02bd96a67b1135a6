"""Syllable nuclei: the loud, voiced peaks between which the level dips. Needs no words, and so no language.

Source: de Jong & Wempe, Praat script to detect syllable nuclei and measure speech rate automatically, Behavior Research Methods
41, 2009; on the level within 300-3400 Hz, where vowels differ most from what lies between them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MIN_DIP_DB: Final = 2.0
"""A peak counts if the level dips by this before it: the paper's value for noisy recordings."""

RANGE_DB: Final = 25.0
"""Peaks that are so far below the loudest tenth of the stretch are no vowels."""

_SMOOTHING = 3
"""Frames of 10 ms on either side over which the level is averaged: glottal ripple goes, syllables of 100 ms and more stay."""

_LOUD_PERCENTILE = 95


def syllable_nuclei(level_db: NDArray[np.float32], pitch_hz: NDArray[np.float32]) -> NDArray[np.intp]:
    """Frames at which a syllable is loudest.

    Args:
        level_db: Speech level of each 10 ms of one utterance, shape [frames].
        pitch_hz: 0 where unvoiced, shape [frames].

    Returns:
        Ascending indices.
    """
    if len(level_db) < 2 * _SMOOTHING + 1:
        return np.zeros(0, np.intp)
    kernel = np.hanning(2 * _SMOOTHING + 3)[1:-1]
    padded = np.pad(level_db.astype(np.float64), _SMOOTHING, mode="edge")
    level = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    floor = np.percentile(level, _LOUD_PERCENTILE) - RANGE_DB
    rising = np.concatenate([[True], level[1:] > level[:-1]])
    falling = np.concatenate([level[:-1] >= level[1:], [True]])
    nuclei: list[int] = []
    for peak in np.flatnonzero(rising & falling & (level > floor)).tolist():
        valley = level[nuclei[-1] : peak + 1].min() if nuclei else level[: peak + 1].min()
        if nuclei and level[peak] - valley < MIN_DIP_DB:
            if level[peak] > level[nuclei[-1]]:
                nuclei[-1] = peak
        elif nuclei and level[nuclei[-1]] - valley < MIN_DIP_DB:
            nuclei[-1] = peak
        else:
            nuclei.append(peak)
    near = [pitch_hz[max(0, peak - _SMOOTHING) : peak + _SMOOTHING + 1] for peak in nuclei]
    return np.array([peak for peak, pitch in zip(nuclei, near, strict=True) if (pitch > 0).any()], np.intp)
