"""Finds flashes: the picture brightens or blacks out for a moment, and then the same picture goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reelscope_vision.shots.history import History, SmallFrame, difference
from reelscope_vision.shots.transition import correlation, is_plain

LONGEST_FLASH_S = 0.5
"""Camera flashes last 1-3 frames; those that editors add fade out over 10 to 15."""

_LEAST_STEP = 12.0
"""Grey levels of change from one frame to the next that may start a flash."""

_FIRST_STEP = 0.2
"""Share of the largest difference that the first step makes: motion before a flash is none of it, a lamp that glows up is."""

_LEAST_LIFT = 20.0
"""Grey levels by which the mean luma must rise or fall."""

_RETURNED = 0.3
"""Share of the first step that may be left when the old picture is back: motion and the tail of the decay."""

_SAME_AGAIN = 0.8
"""Correlation of the frames before and after a flash; that of two shots is seldom above 0.5."""

_LEAST_SAME = 0.4
"""The same where the picture moves so fast that two of its own frames correlate less."""

_SLACK = 0.1
"""By how much less than those the frames around a flash may correlate."""

_WASHED_OUT = 0.35
"""Share of the old picture's spread of luma that a nearly blank frame has left."""

_STILL_VISIBLE = 0.6
"""Correlation with the frame before from which a brightened frame still shows the same."""


@dataclass(frozen=True, slots=True)
class Flash:
    """A flash by positions in the history.

    Attributes:
        first: First frame that it changes.
        last: Last frame that it changes.
        strength: Change of the mean luma over the full range, in [0,1].
    """

    first: int
    last: int
    strength: float


def find_flash(history: History, position: int) -> Flash | None:
    """The flash that begins at a position, if one does.

    Args:
        history: Must reach `LONGEST_FLASH_S` beyond the position, or to the end of the clip.
        position: Of the first changed frame; at least 1.
    """
    start = history[position]
    if start.change < _LEAST_STEP:
        return None
    before = history[position - 1]
    lift = extreme = 0.0
    for later in range(position, len(history)):
        frame = history[later]
        if frame.time_s - start.time_s > LONGEST_FLASH_S:
            return None
        around = (history[max(0, 2 * position - later - 2)], before), (frame, history[2 * later - position + 1])
        if later > position and _is_back(frame, before, extreme, around):
            is_flash = abs(lift) >= _LEAST_LIFT and start.change >= _FIRST_STEP * extreme
            return Flash(position, later - 1, min(1.0, abs(lift) / 255)) if is_flash else None
        if not _shows_nothing_else(frame, before):
            return None
        extreme = max(extreme, difference(frame.picture, before.picture))
        lift = max(lift, frame.luma - before.luma, key=abs)
    return None


def _is_back(frame: SmallFrame, before: SmallFrame, extreme: float, around: Sequence[tuple[SmallFrame, SmallFrame]]) -> bool:
    """Whether the old picture is back, and not just one that is nearer to it than the flash was.

    Args:
        frame: That may be the first after the flash.
        before: The last one before it.
        extreme: Largest difference to that one within the flash.
        around: Two frames as far apart as those two, before the flash and after it: how far the picture moves by itself.
    """
    moved = min(max(difference(first.picture, second.picture) for first, second in around), extreme / 2)
    if difference(frame.picture, before.picture) > max(_RETURNED * extreme, moved * (1 + _SLACK)):
        return False
    usual = min(correlation(first.picture, second.picture) for first, second in around) - _SLACK
    return is_plain(before) or correlation(frame.picture, before.picture) >= min(_SAME_AGAIN, max(_LEAST_SAME, usual))


def _shows_nothing_else(frame: SmallFrame, before: SmallFrame) -> bool:
    """Whether a frame within a flash is blank or the old picture in another light, and not another picture."""
    if is_plain(frame) or frame.spread <= _WASHED_OUT * before.spread:
        return True
    return correlation(frame.picture, before.picture) >= _STILL_VISIBLE
