"""How many voices there are: agglomerative clustering of windows that stops where voices differ by more than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_speech.diarization.slices import SIZE

THRESHOLD: Final = 1.5
"""Squared distance between two voices beyond chance, in variances of a slice, from which on they are two speakers. On made
conversations of 14 speakers everything from 1 to 2 finds nearly the same ones."""

LOOKS: Final = 0.2
"""Independent looks at a voice in a voiced slice: one in 0.5 s of voice, two or three syllables. Fewer than there are phones,
since what is said in one breath shares its effort and its pitch."""

MOST_LOOKS: Final = 12.0
"""More looks tell nothing more: mood and effort keep their own sound for longer than a phrase, and a repeat is no news."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Voices:
    """The speakers found.

    Attributes:
        means: Shape [speakers, SIZE].
        weights: Voiced slices of each, shape [speakers].
        closest: Largest distance that was still taken for one speaker's, over THRESHOLD, in [0, 1].
    """

    means: Matrix
    weights: NDArray[np.float64]
    closest: float


def cluster(means: Matrix, weights: NDArray[np.float64], *, threshold: float = THRESHOLD) -> Voices:
    """Joins the pair of least Ward distance, again and again, among those that could be one speaker.

    The squared distance of two means of one voice is SIZE * (1/n + 1/m) by chance, of n and m looks. That is taken off before
    the comparison, so that short stretches are not taken for speakers of their own.

    Args:
        means: Mean slice of each window, shape [windows, SIZE].
        weights: Voiced slices in each, all > 0, shape [windows].
        threshold: See THRESHOLD.
    """
    means, weights = means.copy(), LOOKS * weights
    squares = (means**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * means @ means.T, 0.0)
    inverse = 1.0 / weights
    chance = np.maximum(inverse, 1.0 / MOST_LOOKS)
    excess = distances - SIZE * (chance[:, None] + chance)
    ward = np.where(excess <= threshold, distances / (inverse[:, None] + inverse), np.inf)
    np.fill_diagonal(ward, np.inf)
    closest = 0.0
    while True:
        first, second = divmod(int(np.argmin(ward)), len(ward))
        if not np.isfinite(ward[first, second]):
            break
        closest = max(closest, float(excess[first, second]))
        total = weights[first] + weights[second]
        means[first] = (weights[first] * means[first] + weights[second] * means[second]) / total
        weights[first], weights[second] = total, 0.0
        alive = weights > 0
        inverse = 1.0 / np.where(alive, weights, 1.0)
        row = ((means - means[first]) ** 2).sum(axis=1)
        chance = np.maximum(inverse, 1.0 / MOST_LOOKS)
        excess[first] = excess[:, first] = row - SIZE * (chance + chance[first])
        ward[first] = np.where(alive & (excess[first] <= threshold), row / (inverse + inverse[first]), np.inf)
        ward[first, first] = np.inf
        ward[:, first] = ward[first]
        ward[second] = ward[:, second] = np.inf
    alive = weights > 0
    return Voices(means[alive], weights[alive] / LOOKS, max(0.0, closest) / threshold)
