"""Frames of a stream, with their window, for short-time spectra."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


@dataclass(slots=True)
class Framer:
    """Cuts a stream into overlapping frames.

    Attributes:
        size: Samples in a frame.
        hop: Samples from one frame to the next.
        count: Frames given so far: the next begins at sample `count * hop`.
    """

    size: int
    hop: int
    count: int = 0
    _pending: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes the next mono samples; gives the frames that are complete, shape [frames, size]."""
        self._pending = np.concatenate([self._pending, samples])
        if len(self._pending) < self.size:
            return np.zeros((0, self.size), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(self._pending, self.size)[:: self.hop]
        self._pending = self._pending[len(frames) * self.hop :]
        self.count += len(frames)
        return frames

    def finish(self) -> NDArray[np.float32]:
        """The stream is over: one last frame, filled up with zeros, if a hop or more would go unseen or none was given."""
        unseen = len(self._pending) - (self.size - self.hop if self.count else 0)
        if len(self._pending) == 0 or (self.count and unseen < self.hop // 2):
            return np.zeros((0, self.size), np.float32)
        return self.feed(np.zeros(self.size - len(self._pending), np.float32))


def power_of_two_near(samples: float) -> int:
    """The power of two whose ratio to `samples` is nearest to 1, at least 64."""
    return int(max(64, 2 ** round(np.log2(max(samples, 1.0)))))


def hann(size: int) -> NDArray[np.float32]:
    """Periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)


class MelBank:
    """Triangles in HTK mel space, as in TensorFlow's `linear_to_mel_weight_matrix`.

    Kept sparse (each bin is in two bands at most): a tenth of the work, and no BLAS threads woken for small matrices.

    Args:
        bands: Number of bands.
        bins: Bins of the spectra.
        sample_rate: Hz.
        low_hz: Lower edge of the first band.
        high_hz: Upper edge of the last band.
    """

    def __init__(self, bands: int, bins: int, sample_rate: int, low_hz: float, high_hz: float) -> None:
        self._weights = csr_array(_triangles(bands, bins, sample_rate, low_hz, high_hz).T)

    def apply(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sums spectra, shape [frames, bins], to bands, shape [frames, bands]."""
        banded: NDArray[np.float32] = (self._weights @ spectra.T).T
        return banded


def _triangles(bands: int, bins: int, sample_rate: int, low_hz: float, high_hz: float) -> NDArray[np.float32]:
    def mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1127.0 * np.log(1 + hertz / 700.0)

    low, high = mel(np.array([low_hz, high_hz])).tolist()
    edges = np.linspace(low, high, bands + 2)
    position = mel(np.linspace(0, sample_rate / 2, bins))[:, None]
    rising = (position - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - position) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0, np.minimum(rising, falling))
    bank[0] = 0
    triangles: NDArray[np.float32] = bank.astype(np.float32)
    return triangles
