"""Strokes of the hands: the parts of a gesture in which a hand moves with effort.

A stroke is a peak of the hand's speed between two moments of less speed (Kita, van Gijn, van der Hulst, Movement phases in
signs and co-speech gestures, 1998), in the space of gestures, above the hips (McNeill, Hand and mind, 1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks, peak_widths

_LEAST_SPEED: Final = 0.5
"""Torsos a second: 25 cm/s. Fidgeting fingers move no wrist."""

_SURE: Final = 5.0
"""Deviations of its jitter that a hand's way exceeds, which has 1.4 of them: of somebody far away only large gestures can be
told."""

_LEAST_RISE: Final = 0.25
"""Torsos a second that a peak rises above the slowest moments around it (its prominence): half the least speed."""

_LEAST_WAY: Final = 0.1
"""Torsos from where the hand is fast to where it slows down again: 5 cm. Jitter goes to and fro."""

_SCALE_S: Final = 1.0
"""To each side, over which a body's size is one: it changes slowly, and measured in each picture it jitters."""

_DENSE_S: Final = 0.12
"""Between pictures, up to which a place is smoothed with its neighbours; at fewer a second that would wipe out the strokes."""

_HIPS: Final = 1.0
"""Torsos below the shoulders."""

_LONGEST_GAP_S: Final = 0.25
"""Between two pictures of a movement."""

_BOTH_S: Final = 0.25
"""Strokes of both hands within this are one."""


def strokes(
    times_s: NDArray[np.float64], places: NDArray[np.float64], units: NDArray[np.float64], *, jitter: float
) -> list[float]:
    """Moments of the strokes of one hand, at their greatest speed.

    Args:
        times_s: Shape [n].
        places: Shape [n, 2], from the shoulders, y downwards; NaN where the hand is not seen.
        units: Length of the torso, shape [n], in the same unit; NaN where it is not known.
        jitter: Standard deviation of a hand that rests, on each axis, in the same unit.
    """
    found: list[float] = []
    steady = _steady(times_s, units)
    places = places / steady[:, None]
    for part in _runs(times_s, places):
        found += _of_run(times_s[part], places[part], jitter / float(np.median(steady[part])))
    return found


def _steady(times_s: NDArray[np.float64], units: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running median of the torso's length."""
    low = np.searchsorted(times_s, times_s - _SCALE_S)
    high = np.searchsorted(times_s, times_s + _SCALE_S, side="right")
    found = np.full(len(units), np.nan)
    for at, (first, beyond) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        known = units[first:beyond]
        known = known[~np.isnan(known)]
        if len(known):
            found[at] = np.median(known)
    return found


def together(hands: Sequence[Sequence[float]]) -> list[float]:
    """Moments of the strokes of both hands, in order; what both do at once is one."""
    kept: list[float] = []
    for time_s in sorted(moment for hand in hands for moment in hand):
        if not kept or time_s - kept[-1] > _BOTH_S:
            kept.append(time_s)
    return kept


def _runs(times_s: NDArray[np.float64], places: NDArray[np.float64]) -> list[slice]:
    """Consecutive pictures in which the hand is seen."""
    seen = np.flatnonzero(~np.isnan(places[:, 0]))
    if not len(seen):
        return []
    breaks = np.flatnonzero((np.diff(seen) > 1) | (np.diff(times_s[seen]) > _LONGEST_GAP_S)) + 1
    return [slice(int(run[0]), int(run[-1]) + 1) for run in np.split(seen, breaks)]


def _of_run(times_s: NDArray[np.float64], places: NDArray[np.float64], jitter: float) -> list[float]:
    if len(times_s) < 3:  # noqa: PLR2004 - before, during, after
        return []
    smooth = places
    if float(np.median(np.diff(times_s))) <= _DENSE_S:
        padded = np.pad(places, ((1, 1), (0, 0)), mode="edge")
        smooth = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    speeds = np.linalg.norm(np.diff(smooth, axis=0), axis=1) / np.maximum(np.diff(times_s), 1e-3)
    middles_s = (times_s[1:] + times_s[:-1]) / 2
    # A hand that is fast when it comes into sight is in the midst of a stroke.
    curve = np.concatenate([[0.0], speeds, [0.0]])
    peaks, _ = find_peaks(curve, height=_LEAST_SPEED, prominence=_LEAST_RISE)
    _, _, starts, ends = peak_widths(curve, peaks)
    found = []
    for peak, start, end in zip((peaks - 1).tolist(), starts, ends, strict=True):
        first, last = max(0, int(np.floor(start)) - 1), min(len(smooth) - 1, int(np.ceil(end)))
        is_raised = min(smooth[peak, 1], smooth[peak + 1, 1]) < _HIPS
        if is_raised and float(np.linalg.norm(smooth[last] - smooth[first])) >= max(_LEAST_WAY, _SURE * jitter):
            found.append(float(middles_s[peak]))
    return found
