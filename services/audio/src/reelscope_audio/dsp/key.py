"""The key of a piece from its pitch strengths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_audio.dsp.chroma import BINS

_MAJOR: Final = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR: Final = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""Probe-tone ratings (Krumhansl & Kessler, 1982)."""

_NAMES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_SEMITONE: Final = BINS // 12

MIN_CORRELATION: Final = 0.5
"""With a key's profile. Chance reaches 0.5 for the best of 24 keys where all pitches are about equally strong."""

MIN_TONAL_SHARE: Final = 0.15
"""Of the power, in lasting peaks: chords reach 0.5 and more, noise and speech stay below 0.1."""

MIN_PITCHES: Final = 3
PITCH_SHARE: Final = 0.1
"""A key needs a triad at least: so many pitch classes with a tenth of the strongest."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key.

    Attributes:
        name: E.g. "A minor".
        confidence: 0..1.
    """

    name: str
    confidence: float


def fold(fine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twelve pitch classes from 120 bins, with the tuning that gathers most strength about the semitones."""
    offsets = range(-(_SEMITONE // 2), _SEMITONE // 2)
    near = np.exp(-0.5 * (np.minimum(np.arange(_SEMITONE), _SEMITONE - np.arange(_SEMITONE)) / 1.5) ** 2)
    best = max(offsets, key=lambda offset: float((np.roll(fine, -offset).reshape(12, _SEMITONE) * near).sum()))
    tuned = np.roll(fine, _SEMITONE // 2 - best)
    folded: NDArray[np.float64] = tuned.reshape(12, _SEMITONE).sum(axis=1)
    return folded


def find_key(fine: NDArray[np.float64], tonal_share: float) -> Key | None:
    """The key by the profiles of Krumhansl and Kessler.

    Args:
        fine: Pitch strengths, shape [120].
        tonal_share: Share of the power in lasting peaks.

    Returns:
        None where the sound is not tonal or fits no key.
    """
    chroma = fold(fine)
    if (
        tonal_share < MIN_TONAL_SHARE
        or np.count_nonzero(chroma >= PITCH_SHARE * chroma.max()) < MIN_PITCHES
        or chroma.std() <= 0
    ):
        return None
    scores = [
        (float(np.corrcoef(chroma, np.roll(profile, tonic))[0, 1]), f"{_NAMES[tonic]} {mode}")
        for mode, profile in (("major", _MAJOR), ("minor", _MINOR))
        for tonic in range(12)
    ]
    scores.sort(reverse=True)
    (first, name), (second, _) = scores[:2]
    if first < MIN_CORRELATION:
        return None
    # Surest where the fit is good and the next key (often the relative one) fits clearly less.
    margin = min(1.0, (first - second) / 0.2)
    return Key(name, max(0.0, min(1.0, first * (0.5 + 0.5 * margin))))
