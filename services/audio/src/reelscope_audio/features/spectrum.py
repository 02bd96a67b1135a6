"""Spectral measures of short frames, and pitch strengths of long ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from reelscope_audio.dsp.chroma import ChromaMeter
from reelscope_audio.dsp.stft import Framer, MelBank, hann, power_of_two_near
from reelscope_audio.features.source import sample_rate_of
from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, AudioSpec, Item

FRAME_S: Final = 0.046
"""About 2048 samples at 44.1 kHz, the usual frame of music analysis; a quarter of it is the hop."""

LONG_FRAME_S: Final = 0.186
"""About 8192 samples: 5 Hz a bin parts semitones from 80 Hz on."""

BASS_HZ: Final = 150.0

ROLLOFF: Final = 0.85
"""Share of the magnitude below the rolloff frequency, librosa's default."""

ONSET_BANDS: Final = 40
"""Mel bands of the onset curve, Ellis 2007."""

ONSET_FLOOR: Final = 1e-7
"""Power added before the logarithm, about -70 dB: onsets of inaudible sounds do not count."""

_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Measures of consecutive frames.

    Attributes:
        hop_s: Time between short frames.
        power: Mean square of each frame, shape [frames], as are the following.
        centroid_hz: Centre of mass of the magnitude spectrum.
        rolloff_hz: Frequency below which 85 % of the magnitude lies.
        flatness: Geometric over arithmetic mean of the power spectrum: 0 a tone, 0.56 white noise.
        zero_crossings: Share of the sample pairs with a change of sign.
        onset: Rise of the log power in mel bands since the frame before, mean over the bands.
        bass_onset: The same of the power below 150 Hz: kick drum and bass.
        long_start_s: Start of the first long frame.
        long_hop_s: Time between long frames.
        chroma: Pitch strengths, shape [long frames, 120], bin 0 = C, 10 cents each.
        tonal_share: Share of the power in lasting peaks, shape [long frames].
    """

    hop_s: float
    power: NDArray[np.float64]
    centroid_hz: NDArray[np.float64]
    rolloff_hz: NDArray[np.float64]
    flatness: NDArray[np.float64]
    zero_crossings: NDArray[np.float64]
    onset: NDArray[np.float64]
    bass_onset: NDArray[np.float64]
    long_start_s: float
    long_hop_s: float
    chroma: NDArray[np.float64]
    tonal_share: NDArray[np.float64]


class AudioSpectrum(Feature):
    """Items: value `Spectrum`, index = number of the first short frame, time = centre of the first short frame."""

    name = "audio_spectrum"
    version = "1"
    audio = AudioSpec(sample_rate=None, mono=False)
    lookback_s: ClassVar[float] = 2 * LONG_FRAME_S

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._rate = 0

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a chunk of audio as it is in the file."""
        if not self._rate:
            self._open(item)
        samples: NDArray[np.float32] = item.value.mean(axis=0, dtype=np.float32)
        yield from self._measure(self._short, self._long, samples)

    def flush(self) -> Iterable[AnyItem]:
        """Gives the last frames."""
        if self._rate:
            yield from self._measure(self._short, self._long, None)

    def _open(self, item: AnyItem) -> None:
        self._rate = sample_rate_of(self.context.media, item)
        self._start_s = item.time_s
        size = power_of_two_near(FRAME_S * self._rate)
        long_size = power_of_two_near(LONG_FRAME_S * self._rate)
        self._short, self._long = Framer(size, size // 4), Framer(long_size, long_size // 2)
        self._window, self._long_window = hann(size), hann(long_size)
        self._frequencies = np.fft.rfftfreq(size, 1 / self._rate).astype(np.float32)
        self._bands = MelBank(ONSET_BANDS, size // 2 + 1, self._rate, 0.0, min(8000.0, self._rate / 2))
        self._before: NDArray[np.float64] | None = None
        self._chroma = ChromaMeter(self._rate, long_size)

    def _measure(self, short: Framer, long: Framer, samples: NDArray[np.float32] | None) -> Iterable[AnyItem]:
        first, first_long = short.count, long.count
        frames = short.feed(samples) if samples is not None else short.finish()
        long_frames = long.feed(samples) if samples is not None else long.finish()
        if not len(frames) and not len(long_frames):
            return
        magnitudes = np.abs(np.fft.rfft(frames * self._window, axis=1)).astype(np.float32)
        magnitudes *= 2 / self._window.sum()
        powers = np.square(magnitudes)
        total = magnitudes.sum(axis=1) + _TINY
        cumulated = np.cumsum(magnitudes, axis=1)
        rolloff = (cumulated >= ROLLOFF * cumulated[:, -1:]).argmax(axis=1)
        signs = frames >= 0
        chroma, tonal_share = self._chroma.feed(
            np.abs(np.fft.rfft(long_frames * self._long_window, axis=1)).astype(np.float32) / np.float32(max(1, long.size))
        )
        onset, bass_onset = self._onsets(powers)
        start_s = self._start_s + (first * short.hop + short.size / 2) / self._rate
        spectrum = Spectrum(
            hop_s=short.hop / self._rate,
            power=np.mean(np.square(frames, dtype=np.float64), axis=1),
            centroid_hz=(magnitudes @ self._frequencies / total).astype(np.float64),
            rolloff_hz=self._frequencies[rolloff].astype(np.float64),
            flatness=(np.exp(np.mean(np.log(powers + _TINY), axis=1)) / (np.mean(powers, axis=1) + _TINY)).astype(np.float64),
            zero_crossings=np.mean(signs[:, 1:] != signs[:, :-1], axis=1),
            onset=onset,
            bass_onset=bass_onset,
            long_start_s=self._start_s + first_long * long.hop / self._rate,
            long_hop_s=long.hop / self._rate,
            chroma=chroma,
            tonal_share=tonal_share,
        )
        end_s = start_s + len(frames) * spectrum.hop_s
        yield Item(self.name, start_s, end_s, first, spectrum)

    def _onsets(self, powers: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rise since the frame before: mean of all bands, and of the bass."""
        bass = powers[:, self._frequencies < BASS_HZ].sum(axis=1, keepdims=True)
        bands = np.log(np.concatenate([bass, self._bands.apply(powers)], axis=1).astype(np.float64) + ONSET_FLOOR)
        if not len(bands):
            return np.zeros(0), np.zeros(0)
        before = bands[:1] if self._before is None else self._before
        self._before = bands[-1:]
        rises = np.maximum(0, np.diff(np.concatenate([before, bands]), axis=0))
        return rises[:, 1:].mean(axis=1), rises[:, 0]
