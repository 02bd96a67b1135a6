"""The K-weighting of ITU-R BS.1770-4 at any sample rate, with its state carried from piece to piece."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

_SHELF_HZ: Final = 1681.974450955533
_SHELF_DB: Final = 3.999843853973347
_SHELF_Q: Final = 0.7071752369554196
_HIGHPASS_HZ: Final = 38.13547087602444
_HIGHPASS_Q: Final = 0.5003270373238773
"""The analogue parameters behind the standard's coefficients for 48 kHz (Brecht De Man, "Evaluation of implementations of
the EBU R128 loudness measurement", AES 2014); with them the bilinear transform gives the filter at any rate."""

_SHELF_EXPONENT: Final = 0.4996667741545416


def k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """Second-order sections of the filter, shape [2, 6]. At 48 kHz they are the standard's to 8 digits."""
    k = math.tan(math.pi * _SHELF_HZ / sample_rate)
    high = 10 ** (_SHELF_DB / 20)
    middle = high**_SHELF_EXPONENT
    norm = 1 + k / _SHELF_Q + k * k
    shelf = [
        (high + middle * k / _SHELF_Q + k * k) / norm,
        2 * (k * k - high) / norm,
        (high - middle * k / _SHELF_Q + k * k) / norm,
        1.0,
        2 * (k * k - 1) / norm,
        (1 - k / _SHELF_Q + k * k) / norm,
    ]
    k = math.tan(math.pi * _HIGHPASS_HZ / sample_rate)
    norm = 1 + k / _HIGHPASS_Q + k * k
    highpass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / norm, (1 - k / _HIGHPASS_Q + k * k) / norm]
    return np.array([shelf, highpass])


class KFilter:
    """The filter over a stream.

    Args:
        sample_rate: Hz.
        channels: Number of channels.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._sections = k_weighting(sample_rate)
        self._state = np.zeros((len(self._sections), channels, 2))

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """Filters the next samples, shape [channels, samples]."""
        filtered, self._state = sosfilt(self._sections, samples.astype(np.float64), axis=1, zi=self._state)
        weighted: NDArray[np.float64] = filtered
        return weighted
