"""Loudness and loudness range from the K-weighted power of 100 ms blocks.

Sources: ITU-R BS.1770-4, EBU R 128, EBU Tech 3341 (momentary 0.4 s, short-term 3 s), EBU Tech 3342 (loudness range).
"""

from __future__ import annotations

import math
from array import array
from typing import Final

import numpy as np
from numpy.typing import NDArray

BLOCK_S: Final = 0.1
"""Hop of the gating blocks: 400 ms with 75 % overlap."""

MOMENTARY_BLOCKS: Final = 4
SHORT_TERM_BLOCKS: Final = 30

ABSOLUTE_GATE_LUFS: Final = -70.0
RELATIVE_GATE_LU: Final = -10.0
RANGE_GATE_LU: Final = -20.0
RANGE_PERCENTILES: Final = (10.0, 95.0)

_OFFSET: Final = -0.691
_POINT_FLOOR_LUFS: Final = -120.0

Powers = NDArray[np.float64]


def to_lufs(power: float) -> float:
    """Loudness of a channel-weighted, K-weighted mean square; minus infinity for none."""
    return _OFFSET + 10 * math.log10(power) if power > 0 else -math.inf


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))


class LoudnessMeter:
    """Gathers 100 ms powers: 8 bytes each, 0.3 MB an hour, since the relative gate is only known at the end."""

    def __init__(self) -> None:
        self._powers = array("d")

    def add(self, powers: Powers) -> None:
        """Takes the K-weighted powers of the next full 100 ms blocks, weighted and summed over the channels."""
        self._powers.extend(powers.tolist())

    def __len__(self) -> int:
        return len(self._powers)

    def windows(self, blocks: int) -> Powers:
        """Mean power of every stretch of so many blocks, one for each 100 ms."""
        powers = np.frombuffer(self._powers, np.float64)
        if len(powers) < blocks:
            return np.zeros(0)
        means: Powers = np.lib.stride_tricks.sliding_window_view(powers, blocks).mean(axis=1)
        return means

    def integrated(self) -> float | None:
        """Integrated loudness, LUFS; None where nothing passes the absolute gate."""
        windows = self.windows(MOMENTARY_BLOCKS)
        loud = windows[windows > _power(ABSOLUTE_GATE_LUFS)]
        if not len(loud):
            return None
        gate = loud.mean() * 10 ** (RELATIVE_GATE_LU / 10)
        return to_lufs(float(loud[loud > gate].mean()))

    def maximum(self, blocks: int) -> float | None:
        """Largest momentary (4 blocks) or short-term (30 blocks) loudness, LUFS; None where silent or too short."""
        windows = self.windows(blocks)
        if not len(windows) or windows.max() <= 0:
            return None
        return to_lufs(float(windows.max()))

    def loudness_range(self) -> float | None:
        """Loudness range, LU; None where nothing passes the gate or the clip is shorter than 3 s."""
        windows = self.windows(SHORT_TERM_BLOCKS)
        loud = windows[windows >= _power(ABSOLUTE_GATE_LUFS)]
        if not len(loud):
            return None
        gate = loud.mean() * 10 ** (RANGE_GATE_LU / 10)
        levels = _OFFSET + 10 * np.log10(loud[loud >= gate])
        low, high = np.percentile(levels, RANGE_PERCENTILES)
        return float(high - low)

    def curve(self, step_blocks: int) -> list[tuple[int, float | None, float | None]]:
        """Momentary and short-term loudness at the end of every `step_blocks`-th block.

        Returns:
            Number of blocks so far, momentary and short-term LUFS (None below -120 LUFS, or before the window is full).
        """
        momentary, short_term = self.windows(MOMENTARY_BLOCKS), self.windows(SHORT_TERM_BLOCKS)
        return [
            (count, _at(momentary, count - MOMENTARY_BLOCKS), _at(short_term, count - SHORT_TERM_BLOCKS))
            for count in range(step_blocks, len(self._powers) + 1, step_blocks)
        ]


def _at(windows: Powers, index: int) -> float | None:
    if index < 0 or index >= len(windows):
        return None
    lufs = to_lufs(float(windows[index]))
    return lufs if lufs >= _POINT_FLOOR_LUFS else None
