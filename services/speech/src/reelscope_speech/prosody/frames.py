"""Overlapping frames of a stream and what one Fourier transform tells of each: autocorrelation, levels, spectral envelope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

HOP_S: Final = 0.01
"""Step of every curve."""

SAMPLE_RATE: Final = 16000
"""Hz."""

HOP: Final = round(HOP_S * SAMPLE_RATE)

WINDOW: Final = 640
"""Samples: 40 ms, three periods of a voice of 75 Hz (Boersma 1993)."""

BANDS: Final = 16
"""Bands of the spectral envelope, equally wide on the mel scale."""

_FFT: Final = 1024
"""A window and the longest lag that is asked for (384 samples, 42 Hz): up to there the autocorrelation does not wrap round."""

_ENVELOPE_HZ: Final = (80.0, 5500.0)
_SPEECH_HZ: Final = (300.0, 3400.0)
_FLOOR: Final = 1e-10
"""Power of -100 dBFS: digital silence is no minus infinity."""

_LEAD: Final = (WINDOW - HOP) // 2
"""Samples that a window reaches beyond its hop on either side."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Measures of consecutive hops of 10 ms; each window is centred on its hop.

    Attributes:
        level_db: Root mean square of the hop, dBFS, shape [frames].
        speech_level_db: Of the window within 300-3400 Hz, dBFS, shape [frames].
        envelope_db: Of the window in each mel band, dBFS, shape [frames, BANDS].
        correlation: Autocorrelation of the windowed signal over that of the window, 1 at lag 0, shape [frames, WINDOW // 2].
        peak: Largest absolute sample of the window, its mean taken out, shape [frames].
    """

    level_db: NDArray[np.float32]
    speech_level_db: NDArray[np.float32]
    envelope_db: NDArray[np.float32]
    correlation: NDArray[np.float32]
    peak: NDArray[np.float32]


class Framer:
    """Cuts a stream of samples into frames, however it is chunked."""

    def __init__(self) -> None:
        self._window = np.hanning(WINDOW + 2)[1:-1].astype(np.float32)
        own = np.fft.irfft(np.abs(np.fft.rfft(self._window, _FFT)) ** 2)[: WINDOW // 2]
        self._window_correlation = (own / own[0]).astype(np.float32)
        self._bands = _mel_bands()
        frequencies = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
        self._speech = ((frequencies >= _SPEECH_HZ[0]) & (frequencies <= _SPEECH_HZ[1])).astype(np.float32)
        # Power of a full-scale square wave's spectrum under this window is 1.
        self._scale = 2.0 / (_FFT * float(np.sum(self._window**2)))
        self._samples = np.zeros(_LEAD, np.float32)
        self._count = 0

    def feed(self, samples: NDArray[np.float32]) -> Frames:
        """Takes mono samples at 16 kHz; gives the frames that they complete."""
        self._count += len(samples)
        return self._take(np.concatenate([self._samples, samples]))

    def finish(self) -> Frames:
        """The stream is over: gives the frames of the last hops, the rest of their windows silent."""
        missing = -self._count % HOP
        return self._take(np.concatenate([self._samples, np.zeros(missing + _LEAD, np.float32)]))

    def _take(self, samples: NDArray[np.float32]) -> Frames:
        count = max(0, (len(samples) - WINDOW) // HOP + 1)
        self._samples = samples[count * HOP :].copy()
        if count == 0:
            return _nothing()
        windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[: count * HOP : HOP]
        hops = windows[:, _LEAD : _LEAD + HOP]
        centred = windows - windows.mean(axis=1, keepdims=True)
        power = np.abs(np.fft.rfft(centred * self._window, _FFT)).astype(np.float32) ** 2
        correlation = np.fft.irfft(power)[:, : WINDOW // 2].astype(np.float32)
        energy = np.maximum(correlation[:, :1], np.finfo(np.float32).tiny)
        return Frames(
            level_db=_db(np.mean(np.square(hops, dtype=np.float64), axis=1)),
            speech_level_db=_db(self._scale * (power @ self._speech)),
            envelope_db=_db(self._scale * (power @ self._bands)),
            correlation=correlation / energy / self._window_correlation,
            peak=np.abs(centred).max(axis=1).astype(np.float32),
        )


def _db(power: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(10 * np.log10(power + _FLOOR), np.float32)


def _nothing() -> Frames:
    none = np.zeros(0, np.float32)
    return Frames(none, none, np.zeros((0, BANDS), np.float32), np.zeros((0, WINDOW // 2), np.float32), none)


def band_centres() -> NDArray[np.float64]:
    """Middle of each band of the envelope, Hz, shape [BANDS]."""
    return _edges()[1:-1]


def _edges() -> NDArray[np.float64]:
    """Feet and tops of the triangles, Hz, shape [BANDS + 2] (O'Shaughnessy's mel scale)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in _ENVELOPE_HZ)
    return np.asarray(700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1), np.float64)


def _mel_bands() -> NDArray[np.float32]:
    """Triangles, shape [bins, BANDS]."""
    edges = _edges()
    frequencies = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None), np.float32)
