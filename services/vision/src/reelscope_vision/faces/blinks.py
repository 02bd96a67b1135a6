"""Blinks in a curve of eye openness."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

BASELINE_S: Final = 4.0
"""Window of the usual openness: eyes narrow in a smile or a look down for seconds, in a blink for tenths."""

CLOSED: Final = 0.65
"""Share of the usual openness below which an eye is closing: lids that a smile or a look down draws together keep more."""

REOPENED: Final = 0.75
"""And above which it is open again: the mesh of a closed eye trembles."""

LONGEST_S: Final = 0.6
"""Longer closures are closed eyes: spontaneous blinks last 0.1-0.4 s (Schiffman, Sensation and Perception, 2001)."""

LEAST_OPEN: Final = 0.15
"""Usual openness of eyes that are open: narrower ones are shut, or hidden behind a hand, and can't blink."""

_OPEN_PERCENTILE = 75
"""Of the openness in a window: eyes are open most of the time."""


def blinks(times_s: NDArray[np.float64], openness: NDArray[np.float64]) -> list[tuple[int, int]]:
    """First sample of each blink, in which the eye is closing, and the one after it, in which it is open again.

    Args:
        times_s: Shape [n], ascending.
        openness: Eye aspect ratio, shape [n].
    """
    if len(times_s) < 3:  # noqa: PLR2004 - open, closed, open
        return []
    baseline = _baseline(times_s, openness)
    longest_s = LONGEST_S + float(np.median(np.diff(times_s)))  # by the usual distance of two looks
    found = []
    for first, beyond in _closures(openness / np.maximum(baseline, np.finfo(np.float64).tiny)):
        whole = first > 0 and beyond < len(times_s)
        if whole and baseline[first] >= LEAST_OPEN and times_s[beyond] - times_s[first - 1] <= longest_s:
            found.append((first, beyond))
    return found


def _closures(shares: NDArray[np.float64]) -> list[tuple[int, int]]:
    """First index and the one beyond of each stretch that falls below `CLOSED` until it is above `REOPENED`."""
    shut = np.concatenate([[0], (shares < REOPENED).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(shut)).tolist()
    found = []
    for first, beyond in zip(edges[::2], edges[1::2], strict=True):
        closed = np.flatnonzero(shares[first:beyond] < CLOSED)
        if len(closed):
            found.append((first + int(closed[0]), beyond))
    return found


def _baseline(times_s: NDArray[np.float64], openness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Usual openness about each moment, from one value a second in between which is interpolated."""
    centres = np.arange(times_s[0], times_s[-1] + 1.0, 1.0)
    low = np.searchsorted(times_s, centres - BASELINE_S / 2)
    high = np.searchsorted(times_s, centres + BASELINE_S / 2, side="right")
    usual = [np.percentile(openness[a:b], _OPEN_PERCENTILE) if b > a else np.nan for a, b in zip(low, high, strict=True)]
    known = np.flatnonzero(~np.isnan(usual))
    baseline: NDArray[np.float64] = np.interp(times_s, centres[known], np.array(usual)[known])
    return baseline
