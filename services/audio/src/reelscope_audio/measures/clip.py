"""Measures of the whole clip that need more than sums."""

from __future__ import annotations

from array import array
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_audio.dsp.chroma import BINS
from reelscope_audio.dsp.key import Key, find_key
from reelscope_audio.dsp.tempo import Tempo, find_tempo
from reelscope_audio.features.levels import Levels
from reelscope_audio.features.spectrum import Spectrum
from reelscope_audio.measures.kinds import SILENCE_POWER

DYNAMIC_PERCENTILES: Final = (10.0, 95.0)
DYNAMIC_FLOOR_DBFS: Final = -70.0
"""Levels below are silence, however digital; as EBU R 128's absolute gate."""

FLOOR_PERCENTILE: Final = 10.0
"""The noise floor: pauses make up a tenth of nearly every recording."""

ACTIVE_DB: Final = 10.0
"""What lies so far above the floor is signal."""

MIN_FLOOR_DBFS: Final = -100.0
"""A floor below this is digital silence, against which there is no ratio."""

MIN_ACTIVE_SHARE: Final = 0.02

MUSIC_SHARE: Final = 0.3
"""Share of music from which tempo and key are looked for."""

RHYTHM_CONFIDENCE: Final = 0.5
"""Without music a beat must be as plain as a metronome's: the rhythm of speech reaches 0.25, an engine's 0.35."""

ONSET_LEAD_HOPS: Final = 0.9
"""A frame rises most when the sound has reached its last quarter: so much before its middle (measured on clicks)."""

_TINY: Final = 1e-12


class LevelStatistics:
    """Levels of every 100 ms: 4 bytes each, 144 kB an hour."""

    def __init__(self) -> None:
        self._levels = array("f")
        self._silent = 0

    def add(self, levels: Levels) -> None:
        """Takes the next blocks."""
        decibels = 10 * np.log10(levels.power + _TINY)
        self._levels.extend(decibels.tolist())
        self._silent += int((levels.power < SILENCE_POWER).sum())

    @property
    def silence_share(self) -> float:
        """Share of the blocks below -60 dBFS; 1 for no audio."""
        return self._silent / len(self._levels) if self._levels else 1.0

    def dynamic_range_db(self) -> float:
        """95th minus 10th percentile of the level."""
        if not self._levels:
            return 0.0
        low, high = np.percentile(np.maximum(self._array(), DYNAMIC_FLOOR_DBFS), DYNAMIC_PERCENTILES)
        return float(high - low)

    def snr_db(self) -> float | None:
        """Mean level of what is active over the noise floor; None without pauses or without a floor in them."""
        if not self._levels:
            return None
        levels = self._array()
        floor = float(np.percentile(levels, FLOOR_PERCENTILE))
        active = levels[levels >= floor + ACTIVE_DB]
        if floor < MIN_FLOOR_DBFS or len(active) < MIN_ACTIVE_SHARE * len(levels):
            return None
        signal = float(np.mean(10 ** (active / 10))) - 10 ** (floor / 10)
        return float(10 * np.log10(signal) - floor)

    def _array(self) -> NDArray[np.float64]:
        return np.frombuffer(self._levels, np.float32).astype(np.float64)


class StereoStatistics:
    """First against second channel."""

    def __init__(self) -> None:
        self._left = self._right = self._cross = 0.0

    def add(self, levels: Levels) -> None:
        """Takes the next blocks."""
        self._left += float(levels.left.sum())
        self._right += float(levels.right.sum())
        self._cross += float(levels.cross.sum())

    def width(self) -> float:
        """Twice the side's share of the power: 0 for mono, 1 for uncorrelated channels, 2 for opposite ones."""
        total = self._left + self._right
        return max(0.0, 1 - 2 * self._cross / total) if total > 0 else 0.0

    def correlation(self) -> float | None:
        """Of left and right; None where one of them is silent."""
        norm = float(np.sqrt(self._left * self._right))
        return float(np.clip(self._cross / norm, -1, 1)) if norm > 0 else None


class MusicStatistics:
    """Onset curve (4 bytes a frame of 12 ms, 1.2 MB an hour) and pitch strengths."""

    def __init__(self) -> None:
        self._onsets = array("f")
        self._hop_s = 0.0
        self._start_s = 0.0
        self._chroma = np.zeros(BINS)
        self._shares: list[float] = [0.0, 0.0]

    def add(self, start_s: float, spectrum: Spectrum) -> None:
        """Takes the next frames; `start_s` is the centre of the first short one."""
        if not self._hop_s:
            self._hop_s, self._start_s = spectrum.hop_s, start_s
        self._onsets.extend(spectrum.onset.tolist())
        strengths = spectrum.chroma.sum(axis=1)
        heard = strengths > 0
        self._chroma += spectrum.chroma[heard].sum(axis=0)
        self._shares[0] += float(spectrum.tonal_share.sum())
        self._shares[1] += len(spectrum.tonal_share)

    def tempo(self, music_share: float) -> tuple[Tempo, list[float]] | None:
        """The tempo, and the times of the beats; None where there is none."""
        onsets = np.frombuffer(self._onsets, np.float32).astype(np.float64) if self._onsets else np.zeros(0)
        tempo = find_tempo(onsets, self._hop_s) if self._hop_s else None
        if tempo is None or (music_share < MUSIC_SHARE and tempo.confidence < RHYTHM_CONFIDENCE):
            return None
        start_s = self._start_s + ONSET_LEAD_HOPS * self._hop_s
        return tempo, [max(0.0, start_s + position * self._hop_s) for position in tempo.beats]

    def key(self, music_share: float) -> Key | None:
        """The key; None where there is none."""
        if music_share < MUSIC_SHARE:
            return None
        return find_key(self._chroma, self._shares[0] / self._shares[1] if self._shares[1] else 0.0)
