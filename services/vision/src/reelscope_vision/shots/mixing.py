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


def mixed_between(history: History, first: int, last: int) -> tuple[int, int]:
    """First and last position at which both pictures are mixed, never less than what is known already.

    The share of the new picture is flat, grows evenly, and is flat again: where it bends are the ends.

    Args:
        history: Should reach some frames beyond both ends.
        first: First position that certainly belongs to the dissolve.
        last: Last one.
    """
    count = last - first + 1
    if count < _FEWEST:
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
    times = np.arange(low, high + 1)
    shares = np.array([float(((_soft(history[at].picture) - old) * way).sum()) / size for at in range(low, high + 1)])
    shares -= shares.mean()
    best, found = _STEADY, (first, last)
    for begin in range(first if rests_before else low, first + 1):
        for end in range(last, (last if rests_after else high) + 1):
            ramp = np.clip((times - begin + 1) / (end - begin + 2), 0.0, 1.0)
            ramp -= ramp.mean()
            error = float(np.sqrt(np.square(shares - ramp * (shares @ ramp) / (ramp @ ramp)).mean()))
            if error < best:
                best, found = error, (begin, end)
    return found


def _soft(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), _SOFT))
