"""Where a dissolve begins and ends, from how much of either picture is seen: the network is late for long ones."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_vision.shots.history import History

_FEWEST: Final = 8
"""Frames: the network is exact for shorter ones."""

_STEADY: Final = 0.03
"""Root mean square by which the shares may be off the ramp that fits them best, or nothing is told from them."""

_SOFT: Final = 1.5
"""Pixels of blur, so that what moves by a pixel or two does not look like another picture."""

_CALM, _RESTS = 3, 0.5
"""So many frames outside that change by less than this share of what is usual within make an end certain."""

_FARTHEST: Final = 1.0
"""Lengths of the known part by which either end may be moved."""


def mixed_between(history: History, first: int, last: int, step: int) -> tuple[int, int]:
    """First and last position at which both pictures are mixed, never less than what is known already.

    The share of the new picture is flat, grows evenly, and is flat again: where it bends are the ends. These are sought at the
    rate of the network's frames first, since the pairs of ends are as many as the square of the positions.

    Args:
        history: Should reach some frames beyond both ends.
        first: First position that certainly belongs to the dissolve.
        last: Last one.
        step: Positions per network frame.
    """
    count = last - first + 1
    if count < max(_FEWEST, 2 * step):
        return first, last
    reach = int(_FARTHEST * count)
    low, high = max(0, first - reach), min(len(history) - 1, last + reach)
    old = _soft(history[low].picture)
    way = _soft(history[high].picture) - old
    size = float(np.square(way).sum())
    if size <= 0:
        return first, last
    changes = {at: history[at].change for at in range(max(1, first - _CALM), min(len(history), last + 1 + _CALM))}
    least = _RESTS * float(np.median([changes[at] for at in range(max(1, first), last + 1)]))
    rests_before = max((changes[at] for at in changes if at < first), default=0.0) < least
    rests_after = max((changes[at] for at in changes if at > last), default=0.0) < least
    times = np.arange(low, high + 1, step)
    shares = np.array([float(((_soft(history[at].picture) - old) * way).sum()) / size for at in times.tolist()])
    shares -= shares.mean()
    earliest, latest = first if rests_before else low, last if rests_after else high
    # From the known ends outwards, so that these are among them.
    begins, ends = range(first - (first - earliest) // step * step, first + 1, step), range(last, latest + 1, step)
    coarse = _best_ramp(times, shares, begins, ends, _STEADY)
    if coarse is None:
        return first, last
    begin, end, error = coarse
    begins = range(max(earliest, begin - step + 1), min(first, begin + step - 1) + 1)
    ends = range(max(last, end - step + 1), min(latest, end + step - 1) + 1)
    fine = _best_ramp(times, shares, begins, ends, error) or coarse
    return fine[0], fine[1]


def _best_ramp(
    times: NDArray[np.int64], shares: NDArray[np.float64], begins: range, ends: range, least: float
) -> tuple[int, int, float] | None:
    """The first and last position of the ramp that fits best, and its error; None where all are off by `least` or more."""
    found: tuple[int, int, float] | None = None
    for begin in begins:
        for end in ends:
            ramp = np.clip((times - begin + 1) / (end - begin + 2), 0.0, 1.0)
            error = _error(shares, ramp - ramp.mean())
            if error < least:
                least, found = error, (begin, end, error)
    return found


def _error(shares: NDArray[np.float64], ramp: NDArray[np.float64]) -> float:
    """Root mean square by which shares are off a ramp of any height; both have a mean of 0."""
    return float(np.sqrt(np.square(shares - ramp * (shares @ ramp) / (ramp @ ramp)).mean()))


def _soft(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), _SOFT))
