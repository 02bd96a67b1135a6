"""How strong each pitch is, octaves folded, from the lasting peaks of long spectra."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

BINS: Final = 120
"""Bins an octave: 10 cents each, fine enough to find the tuning afterwards."""

LOW_HZ: Final = 80.0
HIGH_HZ: Final = 2000.0
"""Below, a long spectrum does not part semitones; above, partials rather than notes."""

REFERENCE_HZ: Final = 261.6255653
"""C4: bin 0."""

PERSISTENCE_CENTS: Final = 25.0
"""A note stays where it is from one spectrum (90 ms) to the next; the voice glides, noise jumps."""

_PEAK_SHARE: Final = 0.01
"""Peaks weaker than this share of the spectrum's strongest are side lobes (Hann: -31 dB)."""


class ChromaMeter:
    """Pitch strengths over a stream of long spectra.

    Args:
        sample_rate: Hz.
        size: Samples of a spectrum.
    """

    def __init__(self, sample_rate: int, size: int) -> None:
        frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
        self._step = sample_rate / size
        self._first = int(np.searchsorted(frequencies, LOW_HZ))
        self._last = max(self._first + 3, int(np.searchsorted(frequencies, min(HIGH_HZ, sample_rate / 2 - self._step))))
        self._before = np.zeros(0)

    def feed(self, magnitudes: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Takes magnitude spectra, shape [frames, bins].

        Returns:
            Pitch strengths of the lasting peaks, shape [frames, 120], and the share of the spectrum's power in the band
            that they hold, shape [frames].
        """
        chroma = np.zeros((len(magnitudes), BINS))
        shares = np.zeros(len(magnitudes))
        for index, spectrum in enumerate(magnitudes):
            pitches, powers = self._peaks(spectrum)
            lasting = self._is_lasting(pitches)
            self._before = pitches
            total = float(np.sum(np.square(spectrum[self._first : self._last], dtype=np.float64)))
            if total <= 0 or not len(pitches):
                continue
            bins = np.round(pitches[lasting] / 1200 * BINS).astype(int) % BINS
            # The square root of the power: a loud bass note must not hide a chord.
            np.add.at(chroma[index], bins, np.sqrt(powers[lasting]))
            shares[index] = min(1.0, float(powers[lasting].sum()) / total)
        return chroma, shares

    def _peaks(self, spectrum: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pitch in cents above C4 and power (main lobe) of each local maximum."""
        band = spectrum[self._first - 1 : self._last + 1].astype(np.float64)
        middle = band[1:-1]
        at = np.flatnonzero((middle > band[:-2]) & (middle >= band[2:]) & (middle**2 >= _PEAK_SHARE * np.max(middle) ** 2)) + 1
        if not len(at):
            return np.zeros(0), np.zeros(0)
        left, top, right = (np.log(band[at + shift] + 1e-12) for shift in (-1, 0, 1))
        offset = np.clip(0.5 * (left - right) / np.minimum(left - 2 * top + right, -1e-9), -0.5, 0.5)
        hertz = (self._first - 1 + at + offset) * self._step
        powers = band[at - 1] ** 2 + band[at] ** 2 + band[at + 1] ** 2
        return 1200 * np.log2(hertz / REFERENCE_HZ), powers

    def _is_lasting(self, pitches: NDArray[np.float64]) -> NDArray[np.bool_]:
        if not len(pitches) or not len(self._before):
            return np.zeros(len(pitches), bool)
        nearest: NDArray[np.float64] = np.abs(pitches[:, None] - self._before[None]).min(axis=1)
        return nearest <= PERSISTENCE_CENTS
