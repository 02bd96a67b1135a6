"""A space in which the distance of two voices means the same in every clip.

The envelope varies from phone to phone far more than from speaker to speaker. That variation is measured in the clip
itself, within windows too short for many changes of speaker, and divided out (within-class covariance normalisation, Hatch
et al. 2006). What is left between two means is Hotelling's T-squared over the number of slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_speech.diarization.slices import SLICE_S, RegionVoice
from reelscope_speech.prosody.frames import BANDS

WINDOW_S: Final = 2.5
"""Ten syllables or so, whose mean tells voices apart better than what was said; shorter turns stand alone, between pauses."""

MOST_WINDOWS: Final = 1000
"""Longer clips are cut into longer windows and the fullest are clustered: the cost grows with the square of their number."""

_PITCH_SPREAD: Final = 5.0
"""Semitones that a speaker's own pitch moves about between phrases and moods; men and women lie 12 apart on average."""

_SHRINKAGE: Final = 0.1
"""Share of the mean variance that is added to each direction, so that a short clip does not divide by nearly nothing."""

Matrix = NDArray[np.float64]


def cut_windows(regions: Sequence[RegionVoice]) -> list[slice]:
    """Windows of about WINDOW_S, each within one region, as ranges of the regions' slices laid end to end."""
    total_s = sum(len(region.weights) for region in regions) * SLICE_S
    window = max(WINDOW_S, total_s / MOST_WINDOWS) / SLICE_S
    found: list[slice] = []
    offset = 0
    for region in regions:
        size = len(region.weights)
        edges = np.linspace(offset, offset + size, max(1, round(size / window)) + 1).round().astype(int).tolist()
        found.extend(slice(first, beyond) for first, beyond in pairwise(edges))
        offset += size
    return found


def whiten(values: Matrix, weights: NDArray[np.float64], windows: Sequence[slice]) -> Matrix:
    """Maps slices into the space.

    Args:
        values: Shape [slices, SIZE].
        weights: Shape [slices].
        windows: Within which the variation is that of one speaker.

    Returns:
        Shape [slices, SIZE]; the variance of each direction within a window is about 1.
    """
    centred = values[:, :BANDS].copy()
    for window in windows:
        heard = weights[window]
        if heard.sum() > 0:
            centred[window] -= heard @ centred[window] / heard.sum()
    scatter = (centred * weights[:, None]).T @ centred / max(float(weights.sum()), 1.0)
    scatter += _SHRINKAGE * max(float(np.trace(scatter)) / BANDS, 1e-6) * np.eye(BANDS)
    variances, directions = np.linalg.eigh(scatter)
    return np.column_stack([values[:, :BANDS] @ (directions / np.sqrt(variances)), values[:, BANDS] / _PITCH_SPREAD])
