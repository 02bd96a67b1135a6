"""Tells pictures that slide: the next shot pushes the old one out, slides over it, or is laid bare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.shots.history import History, SmallFrame, difference

_SHORTEST, _LONGEST = 3, 40
"""Network frames that a slide takes."""

_LEAST_CHANGE: Final = 8.0
"""Grey levels of change from frame to frame: a picture that slides a twentieth of its width changes by more."""

_STANDS_OUT: Final = 2.5
"""Times the change around: what a pan does by itself goes on."""

_AROUND: Final = 6
"""Network frames on either side that tell what is usual."""

_OTHER_PICTURE: Final = 0.4
"""Difference of the two shots relative to their contrast; unrelated pictures reach about 1."""

_EXPLAINED: Final = 0.4
"""Share of the difference to the nearer of the two shots that is left when a frame is put together from both."""

_CHECKED: Final = (0.25, 0.5, 0.75)
"""Where in the slide frames are put together."""

_VARIANTS: Final = ((True, True), (False, True), (True, False))
"""Whether the old picture moves, and whether the new one does: push, slide over, lay bare."""


@dataclass(frozen=True, slots=True)
class Slide:
    """A slide by positions in the history, both ends included."""

    first: int
    last: int


def find_slide(history: History, position: int, step: int) -> Slide | None:
    """The slide that begins at a position, if one does.

    Args:
        history: Must reach as far beyond the position as a slide takes, or to the end of the clip.
        position: At least 1.
        step: Positions per network frame.
    """
    if history[position].change < _LEAST_CHANGE / step or history[position - 1].change >= _LEAST_CHANGE / step:
        return None
    last = position
    while last + 1 < len(history) and history[last + 1].change >= _LEAST_CHANGE / step:
        last += 1
        if last - position >= _LONGEST * step:
            return None
    if last - position + 1 < _SHORTEST * step or last + 1 >= len(history):
        return None
    reach = _AROUND * step
    around = [
        *(history[at].change for at in range(max(1, position - reach), position)),
        *(history[at].change for at in range(last + 1, min(len(history), last + 1 + reach))),
    ]
    inside = float(np.median([history[at].change for at in range(position, last + 1)]))
    if not around or inside < _STANDS_OUT * float(np.median(around)):
        return None
    during = [history[at] for at in range(position, last)]
    return Slide(position, last - 1) if is_slide(history[position - 1], during, history[last]) else None


def is_slide(before: SmallFrame, during: Sequence[SmallFrame], after: SmallFrame) -> bool:
    """Whether the frames between two shots show parts of both, side by side and moving.

    Args:
        before: Last frame of the old shot.
        during: The frames between.
        after: First frame of the new shot.
    """
    if len(during) < _SHORTEST - 1:
        return False
    if difference(before.picture, after.picture) < _OTHER_PICTURE * max(before.contrast, after.contrast, 1.0):
        return False
    old, new = (one.picture.astype(np.int16) for one in (before, after))
    checked = [during[int(share * (len(during) - 1) + 0.5)].picture.astype(np.int16) for share in _CHECKED]
    return any(_explains(checked, turned_old, turned_new, turn) for turn, turned_old, turned_new in _turned(old, new))


def _turned(old: NDArray[np.int16], new: NDArray[np.int16]) -> Iterator[tuple[int, NDArray[np.int16], NDArray[np.int16]]]:
    """Both pictures turned by quarters, so that every slide is one to the left."""
    for turn in range(4):
        yield turn, np.rot90(old, turn), np.rot90(new, turn)


def _explains(frames: Sequence[NDArray[np.int16]], old: NDArray[np.int16], new: NDArray[np.int16], turn: int) -> bool:
    for old_moves, new_moves in _VARIANTS:
        reached = 0
        for frame in frames:
            turned = np.rot90(frame, turn)
            at, error = _best(turned, old, new, old_moves=old_moves, new_moves=new_moves)
            nearer = min(float(np.abs(turned - old).mean()), float(np.abs(turned - new).mean()))
            if at <= reached or error > _EXPLAINED * nearer:
                break
            reached = at
        else:
            return True
    return False


def _best(
    frame: NDArray[np.int16], old: NDArray[np.int16], new: NDArray[np.int16], *, old_moves: bool, new_moves: bool
) -> tuple[int, float]:
    """How many columns of the new shot the frame shows on the right, and the error of the worse part when put together so.

    Of the worse one: a pan shows the old picture moved aside too, but not the new one beside it.
    """
    width = frame.shape[1]
    errors = []
    for at in range(1, width):
        left = old[:, at:] if old_moves else old[:, : width - at]
        right = new[:, :at] if new_moves else new[:, width - at :]
        apart = np.abs(frame[:, : width - at] - left).mean(), np.abs(frame[:, width - at :] - right).mean()
        errors.append(max(float(apart[0]), float(apart[1])))
    best = int(np.argmin(errors))
    return best + 1, float(errors[best])
