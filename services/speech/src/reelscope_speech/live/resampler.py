"""Streaming resampling of mono audio to 16 kHz: a windowed sinc, one set of taps for each phase.

Source: Smith, Digital Audio Resampling Home Page, CCRMA 2002 (bandlimited interpolation).
"""

from __future__ import annotations

from math import gcd
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 16000
"""Hz; what the networks take."""

_ZEROS: Final = 16
"""Zero crossings of the sinc on either side: the stop band begins 3 % beyond the cut."""

_ROLLOFF: Final = 0.95
"""Share of the usable band that is kept."""

_BETA: Final = 9.0
"""Of the Kaiser window: 90 dB of stop band."""


class Resampler:
    """Takes samples at one rate in pieces of any size; gives them at 16 kHz.

    Args:
        rate: Hz.
    """

    def __init__(self, rate: int) -> None:
        common = gcd(rate, RATE)
        self._up, self._down = RATE // common, rate // common
        stretch = max(1.0, rate / RATE)
        self._half = int(np.ceil(_ZEROS * stretch))
        offsets = np.arange(-self._half, self._half + 1)
        # Position of each phase's output between two input samples.
        phases = np.arange(self._up)[:, None] / self._up
        at = (offsets - phases) / stretch * _ROLLOFF
        inside = np.clip(1 - ((offsets - phases) / (self._half + 1)) ** 2, 0, None)
        taps = np.sinc(at) * np.i0(_BETA * np.sqrt(inside)) / np.i0(_BETA) * _ROLLOFF / stretch
        self._taps = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
        self._is_through = rate == RATE
        self._samples = np.zeros(self._half, np.float32)
        self._first = -self._half
        self._next = 0

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes samples; gives what is certain at 16 kHz."""
        if self._is_through:
            return samples
        self._samples = np.concatenate([self._samples, samples])
        return self._make(self._first + len(self._samples) - self._half)

    def finish(self) -> NDArray[np.float32]:
        """The stream is over: gives the rest."""
        if self._is_through:
            return np.zeros(0, np.float32)
        end = self._first + len(self._samples)
        self._samples = np.concatenate([self._samples, np.zeros(self._half + 1, np.float32)])
        return self._make(end)

    def _make(self, beyond: int) -> NDArray[np.float32]:
        """Outputs whose place lies before input sample `beyond`."""
        count = max(0, -(-beyond * self._up // self._down) - self._next)
        if count == 0:
            return np.zeros(0, np.float32)
        places = (self._next + np.arange(count)) * self._down
        base, phase = places // self._up, places % self._up
        windows = np.lib.stride_tricks.sliding_window_view(self._samples, 2 * self._half + 1)
        out: NDArray[np.float32] = np.einsum("ij,ij->i", windows[base - self._half - self._first], self._taps[phase])
        self._next += count
        keep = self._next * self._down // self._up - self._half
        self._samples = self._samples[keep - self._first :].copy()
        self._first = keep
        return out
