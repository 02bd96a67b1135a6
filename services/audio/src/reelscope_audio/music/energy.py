"""How loud the music is over its time, and where it drops."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

POINT_S: Final = 0.5
RANGE_DB: Final = 40.0
"""The curve's 0 lies so far below its loudest point."""

AROUND_S: Final = 2.0
"""A drop is a rise from the mean of the 2 s before to that of the 2 s after: a bar at 120 beats a minute."""

MIN_RISE_DB: Final = 6.0
"""Twice as loud an orchestra is 6 dB; less is a swell."""

LOUD_DB: Final = 3.0
"""After a drop the music is about as loud as it ever gets."""


def energy_curve(power: NDArray[np.float64], block_s: float) -> list[tuple[float, float]]:
    """(Seconds since the start, energy in [0,1]), twice a second.

    Args:
        power: K-weighted power of each block, shape [blocks].
        block_s: Length of a block.
    """
    size = max(1, round(POINT_S / block_s))
    points = [10 * np.log10(power[first : first + size].mean() + 1e-12) for first in range(0, len(power), size)]
    top = max(points, default=0.0)
    return [(index * size * block_s, float(np.clip(1 + (level - top) / RANGE_DB, 0, 1))) for index, level in enumerate(points)]


def find_drop(power: NDArray[np.float64], block_s: float) -> float | None:
    """Seconds since the start at which the strongest lasting rise begins; None where there is none."""
    around = round(AROUND_S / block_s)
    if len(power) < 2 * around:
        return None
    sums = np.concatenate([[0.0], np.cumsum(power)])
    means = (sums[around:] - sums[:-around]) / around
    before, after = means[:-around], means[around:]
    levels = 10 * np.log10(means + 1e-12)
    rise = 10 * np.log10(after + 1e-12) - 10 * np.log10(before + 1e-12)
    rise[10 * np.log10(after + 1e-12) < levels.max() - LOUD_DB] = -np.inf
    # Music that merely begins does not drop.
    rise[10 * np.log10(before + 1e-12) < levels.max() - RANGE_DB] = -np.inf
    at = int(np.argmax(rise))
    return float((at + around) * block_s) if rise[at] >= MIN_RISE_DB else None
