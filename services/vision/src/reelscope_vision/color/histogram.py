"""Colours of any number of frames in constant memory."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image
from reelscope_vision.color.oklab import Colors, from_srgb

_BITS = 5
"""Per sRGB channel: 32768 bins, whose width of 8 levels is below a just noticeable difference in most colours; the mean colour
of each bin is kept exactly."""

_BINS = 1 << (3 * _BITS)

_LIGHTNESS_BINS = 256


class ColorHistogram:
    """Pixel counts and mean OKLab colours in bins of sRGB. Frames weigh by the time that they stand for."""

    def __init__(self) -> None:
        self._weight = np.zeros(_BINS)
        self._sums = np.zeros((3, _BINS))
        self._lightness = np.zeros(_LIGHTNESS_BINS)
        self.frames = 0

    def add(self, frame: Image) -> None:
        """Takes a frame, [height, width, 3] RGB; every frame has the same say, however many pixels it has."""
        pixels = frame.reshape(-1, 3)
        lab = from_srgb(pixels)
        share = 1.0 / len(pixels)
        levels = pixels.astype(np.int64) >> (8 - _BITS)
        bins = (levels[:, 0] << (2 * _BITS)) | (levels[:, 1] << _BITS) | levels[:, 2]
        self._weight += np.bincount(bins, minlength=_BINS) * share
        for channel in range(3):
            self._sums[channel] += np.bincount(bins, weights=lab[:, channel], minlength=_BINS) * share
        lightness = np.clip((lab[:, 0] * _LIGHTNESS_BINS).astype(np.int64), 0, _LIGHTNESS_BINS - 1)
        self._lightness += np.bincount(lightness, minlength=_LIGHTNESS_BINS) * share
        self.frames += 1

    def add_scaled(self, other: Self, weight: float) -> None:
        """Takes in another histogram so that all its frames together weigh `weight`."""
        if not other.frames:
            return
        factor = weight / other.frames
        self._weight += other._weight * factor
        self._sums += other._sums * factor
        self._lightness += other._lightness * factor
        self.frames += other.frames

    def colors(self) -> tuple[Colors, NDArray[np.float64]]:
        """Mean OKLab colour of each bin that has any, [n, 3], and its share of all pixels, [n], which sum to 1."""
        filled = np.flatnonzero(self._weight)
        weight = self._weight[filled]
        return (self._sums[:, filled] / weight).T, weight / max(float(weight.sum()), np.finfo(np.float64).tiny)

    def lightness_percentile(self, percent: float) -> float:
        """OKLab lightness below which so many per cent of the pixels lie."""
        total = self._lightness.cumsum()
        if total[-1] <= 0:
            return 0.0
        at = int(np.searchsorted(total, total[-1] * percent / 100))
        return (min(at, _LIGHTNESS_BINS - 1) + 0.5) / _LIGHTNESS_BINS
