"""Made voices whose pitch is known: pulse trains through formants."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16000
A = ((730, 90), (1090, 110), (2440, 170))
"""Formants (Hz) and their bandwidths of the vowel of "father" (Peterson & Barney, 1952)."""
I = ((270, 60), (2290, 100), (3010, 120))  # noqa: E741 - the vowel's name
"""The vowel of "see"."""


def voice(
    pitch_hz: NDArray[np.float64], *, formants: tuple[tuple[int, int], ...] = A, tilt: float = 0.9
) -> NDArray[np.float32]:
    """A vowel with the given pitch.

    Args:
        pitch_hz: At each sample at 16 kHz.
        formants: Centre and bandwidth, Hz.
        tilt: Pole of the glottal low-pass: nearer 1 is softer.

    Returns:
        Samples, peak 0.5.
    """
    phase = np.cumsum(pitch_hz / RATE)
    source = np.diff(np.floor(phase), prepend=0.0)
    signal = _filtered(source, (1.0, -tilt))
    for centre, width in formants:
        radius = np.exp(-np.pi * width / RATE)
        signal = _filtered(signal, (1.0, -2 * radius * np.cos(2 * np.pi * centre / RATE), radius**2))
    signal -= signal.mean()
    return (0.5 * signal / np.abs(signal).max()).astype(np.float32)


def steady(hz: float, seconds: float) -> NDArray[np.float64]:
    return np.full(round(seconds * RATE), hz)


def glide(first_hz: float, last_hz: float, seconds: float) -> NDArray[np.float64]:
    return np.geomspace(first_hz, last_hz, round(seconds * RATE))


def noise(seconds: float, level_db: float, *, seed: int = 0) -> NDArray[np.float32]:
    """White noise of a level, dBFS."""
    random = np.random.default_rng(seed)
    return (10 ** (level_db / 20) * random.standard_normal(round(seconds * RATE))).astype(np.float32)


def _filtered(signal: NDArray[np.float64], denominator: tuple[float, ...]) -> NDArray[np.float64]:
    """All-pole filter, by its impulse response."""
    response = np.zeros(4096)
    response[0] = 1.0
    for at in range(len(response)):
        response[at] -= sum(weight * response[at - lag] for lag, weight in enumerate(denominator[1:], 1) if at >= lag)
    size = 1 << int(np.ceil(np.log2(len(signal) + len(response))))
    out: NDArray[np.float64] = np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(response, size), size)[: len(signal)]
    return out
