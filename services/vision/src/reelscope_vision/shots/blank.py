"""Finds pictures that come from a plain one, or become one, where the network saw nothing.

Of two fades that follow each other it often sees one, and of those of dark pictures none.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.shots.history import History, SmallFrame, difference
from reelscope_vision.shots.transition import is_plain

LONGEST_FADE_S: Final = 2.0
"""A picture that takes longer to come or go does so by itself: a lamp, a door, a dark street."""

_ARRIVED: Final = 0.25
"""Share of the change per frame so far below which the picture is there."""

_ONE_STEP: Final = 0.6
"""Share of the whole change that a single step makes where the picture is cut in."""

_LEAST_FRAMES: Final = 4
"""Steps of a ramp: in fewer, half of the contrast goes at once, as in a cut over a frame between two."""

_LOOKED_AHEAD: Final = 3
"""Frames, in all but the last of which a ramp's contrast may rest: doubled ones, where footage was given another rate."""

_LEFT: Final = 0.1
"""Share of the contrast that is left at the plain end of a ramp."""

_STRAIGHT: Final = 0.15
"""Share of the contrast by which a ramp is off a straight line: editors' eased ones are by 0.1."""

_EVEN: Final = 0.2
"""By so much a quarter of the picture may have faded more or less than all of it: where something leaves, or comes over the
lens, they do one after the other."""

_SHOWN: Final = 4.0
"""Grey levels (root mean square) from which a quarter shows something that can fade: in night shots some do not."""

_LEAST_QUARTERS: Final = 2


def find_return(history: History, position: int) -> tuple[int, int] | None:
    """A picture that comes back at a position, told by how much it changes: one that is cut in does not count.

    Args:
        history: Should reach two seconds beyond the position.
        position: At least 1.

    Returns:
        Positions of the first frame that is no longer plain and of the last that changes.
    """
    if is_plain(history[position]) or not is_plain(history[position - 1]):
        return None
    first = position
    while first > 1 and is_plain(history[first - 1]) and history[first - 1].change >= _ARRIVED * history[position].change:
        first -= 1
    last, pace = position, history[position].change
    while last + 1 < len(history) and history[last + 1].change >= _ARRIVED * pace:
        last += 1
        pace = max(pace, history[last].change)
        if history[last].time_s - history[first].time_s > LONGEST_FADE_S or is_plain(history[last]):
            return None
    whole = difference(history[first - 1].picture, history[last].picture)
    return (first, last) if last > first and pace < _ONE_STEP * max(whole, 1.0) else None


def find_ramp(history: History, plain: int, way: int) -> tuple[int, int] | None:
    """A fade that is told by the contrast alone, which goes to or from nothing while the picture stays the same.

    Args:
        history: Should reach two seconds beyond the position, on the picture's side.
        plain: Position of the plain frame that is next to one that is not.
        way: Where that one is: -1 for a fade-out, 1 for a fade-in.

    Returns:
        Positions of the first and the last frame that changes.
    """

    def contrast(position: int) -> float:
        return history[position].contrast

    def followed(end: int, other: int, way: int) -> int:
        """The end, or further on while the contrast changes as it did from the other one."""
        more: int | None = 0
        while more is not None:
            end += more * way
            pace = (contrast(end) - contrast(other)) / abs(end - other)
            ahead = range(1, _LOOKED_AHEAD + 1)
            more = next((n for n in ahead if (contrast(end + n * way) - contrast(end)) / pace >= n * _ARRIVED), None)
        return end

    if contrast(plain + way) <= contrast(plain):
        return None
    inner = followed(plain, plain + way, -way)
    outer = followed(plain + way, inner, way)
    if abs(history[outer].time_s - history[inner].time_s) > LONGEST_FADE_S:
        return None
    levels = np.array([contrast(at) for at in range(inner, outer + way, way)])
    whole = levels[-1]
    straight = np.linspace(levels[0], whole, len(levels))
    is_gradual = len(levels) > _LEAST_FRAMES and np.abs(levels - straight).max() <= _STRAIGHT * whole
    if not is_gradual or levels[0] > _LEFT * whole or not _is_even(history, inner, outer):
        return None
    return (outer + 1, inner) if way < 0 else (inner + 1, outer)


def _is_even(history: History, inner: int, outer: int) -> bool:
    """Whether all quarters of the picture that show something fade together."""
    plain = history[inner].luma
    whole, half = history[outer], history[(inner + outer) // 2]
    away = _away(whole, plain)
    shown = away >= _SHOWN
    off = np.abs(_away(half, plain)[shown] / away[shown] - half.contrast / whole.contrast)
    return len(off) >= _LEAST_QUARTERS and float(off.max()) <= _EVEN


def _away(frame: SmallFrame, luma: float) -> NDArray[np.float32]:
    """Of each quarter, how far its pixels are from a brightness, in grey levels (root mean square)."""
    quarters = [quarter for half in np.array_split(frame.luma_map, 2) for quarter in np.array_split(half, 2, axis=1)]
    return np.array([np.sqrt(np.mean((quarter - luma) ** 2)) for quarter in quarters], np.float32)
