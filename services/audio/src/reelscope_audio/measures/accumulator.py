"""Measures of a stretch of sound as sums, so that stretches can be joined."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from reelscope_audio.features.levels import Levels
from reelscope_audio.features.spectrum import Spectrum

_TINY: Final = 1e-12


@dataclass(slots=True)
class Accumulator:
    """Sums over blocks of 100 ms and over spectral frames.

    Attributes:
        blocks: Number of blocks.
        power_sum: Of their mean squares.
        loudness_sum: Of their K-weighted powers.
        peak: Largest true peak, linear.
        clipped: Clipped samples.
        sounding: Sum of the shares of non-zero samples.
        weight: Number of spectral frames that are not silent.
        centroid_sum: Of their centroids, Hz.
        rolloff_sum: Of their rolloffs, Hz.
        flatness_sum: Of their flatnesses.
        crossing_sum: Of their zero-crossing rates.
    """

    blocks: int = 0
    power_sum: float = 0.0
    loudness_sum: float = 0.0
    peak: float = 0.0
    clipped: int = 0
    sounding: float = 0.0
    weight: int = 0
    centroid_sum: float = 0.0
    rolloff_sum: float = 0.0
    flatness_sum: float = 0.0
    crossing_sum: float = 0.0

    def add(self, other: Accumulator) -> None:
        """Joins another stretch to this one."""
        for entry in fields(self):
            mine, others = getattr(self, entry.name), getattr(other, entry.name)
            setattr(self, entry.name, max(mine, others) if entry.name == "peak" else mine + others)

    def add_levels(self, levels: Levels, first: int, last: int) -> None:
        """Adds the blocks `first` to `last` (not included) of an item."""
        self.blocks += last - first
        self.power_sum += float(levels.power[first:last].sum())
        self.loudness_sum += float(levels.loudness_power[first:last].sum())
        self.peak = max(self.peak, float(levels.true_peak[first:last].max(initial=0.0)))
        self.clipped += int(levels.clipped[first:last].sum())
        self.sounding += float(levels.sounding[first:last].sum())

    def add_frames(self, spectrum: Spectrum, first: int, last: int, floor: float) -> None:
        """Adds the frames `first` to `last` (not included) whose power is above `floor`."""
        rows = slice(first, last)
        heard = spectrum.power[rows] > floor
        self.weight += int(heard.sum())
        self.centroid_sum += float(spectrum.centroid_hz[rows] @ heard)
        self.rolloff_sum += float(spectrum.rolloff_hz[rows] @ heard)
        self.flatness_sum += float(spectrum.flatness[rows] @ heard)
        self.crossing_sum += float(spectrum.zero_crossings[rows] @ heard)

    @property
    def power(self) -> float:
        """Mean square."""
        return self.power_sum / max(1, self.blocks)

    @property
    def loudness_power(self) -> float:
        """Mean K-weighted power."""
        return self.loudness_sum / max(1, self.blocks)

    @property
    def rms_dbfs(self) -> float:
        """RMS level; -120 for silence."""
        return 10 * float(np.log10(max(self.power, _TINY)))

    @property
    def peak_dbtp(self) -> float | None:
        """True peak; None where there is none."""
        return 20 * math.log10(self.peak) if self.peak > 0 else None

    @property
    def centroid_hz(self) -> float:
        """Mean spectral centroid of what is heard."""
        return self.centroid_sum / max(1, self.weight)

    @property
    def rolloff_hz(self) -> float:
        """Mean spectral rolloff."""
        return self.rolloff_sum / max(1, self.weight)

    @property
    def flatness(self) -> float:
        """Mean spectral flatness."""
        return self.flatness_sum / max(1, self.weight)

    @property
    def zero_crossings(self) -> float:
        """Mean zero-crossing rate."""
        return self.crossing_sum / max(1, self.weight)
