"""Samples that were cut off at full scale."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FULL_SCALE: Final = 1 - 1.5 / 32768
"""The largest positive 16-bit sample is 1 - 1/32768."""

MIN_RUN: Final = 3
"""One or two samples at full scale occur in music that is merely loud."""


class ClippingCounter:
    """Counts runs of three or more samples at full scale with one sign, across the borders of pieces."""

    def __init__(self, channels: int) -> None:
        self._tail = np.zeros((channels, 0), np.int8)

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        """Takes the next samples, shape [channels, samples].

        Returns:
            Number of clipped samples, all channels, that became known at each sample, shape [samples].
        """
        signs = (samples >= FULL_SCALE).astype(np.int8) - (samples <= -FULL_SCALE).astype(np.int8)
        count = signs.shape[1]
        if not signs.any():
            self._tail = signs[:, max(0, count - MIN_RUN + 1) :].copy()
            return np.zeros(count, np.int64)
        joined = np.concatenate([self._tail, signs], axis=1)
        known = np.zeros(joined.shape[1], np.int64)
        for channel in joined:
            same = channel != 0
            third = same[2:] & (channel[2:] == channel[1:-1]) & (channel[1:-1] == channel[:-2])
            later = np.concatenate([[False], third[:-1]]) if len(third) else third
            known[2:] += np.where(third, np.where(later, 1, MIN_RUN), 0)
        # A run that was known before this piece began goes on by single samples: its first third was counted there.
        fresh = known[self._tail.shape[1] :]
        self._tail = joined[:, max(0, joined.shape[1] - MIN_RUN) :].copy()
        return fresh
