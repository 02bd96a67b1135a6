"""Finds pictures that come back from a plain one: the network often sees only one of two fades that follow each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reelscope_vision.shots.history import History, difference
from reelscope_vision.shots.transition import is_plain

_LONGEST_S: Final = 2.0
"""A picture that takes longer to come back does so by itself: a lamp, a door, a dark street."""

_ARRIVED: Final = 0.25
"""Share of the change per frame so far below which the picture is there."""

_ONE_STEP: Final = 0.6
"""Share of the whole change that a single step makes where the picture is cut in."""


@dataclass(frozen=True, slots=True)
class Return:
    """A picture that comes back, by positions in the history.

    Attributes:
        first: First frame that is no longer plain.
        last: Last frame that changes.
        gradual: Whether it fades in rather than being cut in.
    """

    first: int
    last: int
    gradual: bool


def find_return(history: History, position: int) -> Return | None:
    """The return that begins at a position, if one does.

    Args:
        history: Should reach two seconds beyond the position.
        position: At least 1.
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
        if history[last].time_s - history[first].time_s > _LONGEST_S or is_plain(history[last]):
            return None
    whole = difference(history[first - 1].picture, history[last].picture)
    return Return(first, last, gradual=last > first and pace < _ONE_STEP * max(whole, 1.0))
