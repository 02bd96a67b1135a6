"""Finds wipes, which the network was not taught: an edge crosses the picture and leaves the next shot behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.shots.history import History, difference

WINDOWS = (18, 48)
"""Network frames in which a wipe is looked for; it must begin and end within."""

HOP = 6
"""Network frames from one window to the next."""

_LEAST_CHANGE = 0.4
"""Mean difference of the two shots relative to their contrast; two pictures that have nothing in common reach about 1."""

_LEAST_STEP = 20.0
"""Grey levels by which a pixel must change in the moment that the edge passes."""

_LEAST_PASSED = 0.5
"""Share of the pixels that do: the two shots may be alike in the others."""

_ONE_MOMENT = 0.5
"""Share of its whole change that the median pixel makes in that moment; what moves otherwise changes in many."""

_STRAIGHT = 0.9
"""Squared correlation of the moment of change with the position across the edge's path."""

_SHORTEST, _MARGIN = 4, 2
"""Network frames that the edge takes at least, and that must lie before and after it in the window."""


@dataclass(frozen=True, slots=True)
class Wipe:
    """A wipe by positions in the history, both ends included.

    Attributes:
        first: First frame with a part of the new shot.
        last: Last frame with a part of the old shot.
        strength: How straight and steady the edge moves, in [0,1].
    """

    first: int
    last: int
    strength: float


def find_wipe(history: History, start: int, length: int, step: int) -> Wipe | None:
    """The wipe within a window, if there is one.

    Each pixel's largest change is dated; in a wipe these moments are a plane over the picture, whatever the edge's direction.

    Args:
        history: Must hold the window.
        start: First position of the window.
        length: Network frames in the window.
        step: Positions per network frame.
    """
    edge = _edge(history, start, length, step)
    if edge is None:
        return None
    if edge.begin < _MARGIN and start > 0:
        # It began just before: in a window that it fits into, less of what moves otherwise comes between.
        start = max(0, start - (int(_MARGIN - edge.begin) + 1) * step)
        edge = _edge(history, start, length, step)
    if edge is None or edge.end - edge.begin < _SHORTEST or edge.begin < _MARGIN or edge.end > length - 1 - _MARGIN:
        return None
    # A change over two frames begins one too early and ends one too late.
    return Wipe(start + (round(edge.begin) + 1) * step, start + (round(edge.end) - 1) * step, edge.straight)


@dataclass(frozen=True, slots=True)
class _Edge:
    """What a window shows of an edge: how straight it moves, and when it enters and leaves, in network frames."""

    straight: float
    begin: float
    end: float


def _edge(history: History, start: int, length: int, step: int) -> _Edge | None:
    """The edge that crosses the picture within a window, if one does."""
    frames = [history[start + number * step] for number in range(length)]
    old, new = frames[0], frames[-1]
    if difference(old.picture, new.picture) < _LEAST_CHANGE * max(old.contrast, new.contrast, 1.0):
        return None
    pictures = np.stack([frame.picture for frame in frames]).astype(np.float32)
    # Two frames apart, so that a pixel which the edge shares with its neighbour still changes in one moment.
    changes = np.abs(pictures[2:] - pictures[:-2]).max(axis=3)
    moments = changes.argmax(axis=0) + 1.0
    steps = changes.max(axis=0)
    whole = np.abs(pictures[-1] - pictures[0]).max(axis=2)
    passed = (steps >= _LEAST_STEP) & (whole >= _LEAST_STEP)
    if passed.mean() < _LEAST_PASSED:
        return None
    total = np.abs(np.diff(pictures, axis=0)).max(axis=3).sum(axis=0)
    if float(np.median(steps[passed] / total[passed])) < _ONE_MOMENT:
        return None
    edge = _Edge(*_plane(moments, passed))
    return edge if edge.straight >= _STRAIGHT else None


def _plane(moments: NDArray[np.float64], passed: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Fits a plane to the moments: share of variance that it explains, and the moments at which it enters and leaves."""
    rows, columns = np.nonzero(passed)
    values = moments[passed]
    basis = np.stack([np.ones(len(values)), rows / (moments.shape[0] - 1), columns / (moments.shape[1] - 1)], axis=1)
    # Pixels that moved for another reason are left out of the second fit.
    used = np.ones(len(values), np.bool_)
    for _ in range(2):
        plane = np.linalg.lstsq(basis[used], values[used], rcond=None)[0]
        error = np.abs(values - basis @ plane)
        used = error <= max(2.0, 2.5 * float(np.median(error)))
    spread = float(((values - values.mean()) ** 2).sum())
    corners = plane[0] + np.array([0.0, plane[1], plane[2], plane[1] + plane[2]])
    if spread <= 0 or used.mean() < _LEAST_PASSED:
        return 0.0, 0.0, 0.0
    kept = values[used]
    kept_spread = float(((kept - kept.mean()) ** 2).sum())
    straight = 1.0 - float((error[used] ** 2).sum()) / max(kept_spread, 1e-9)
    return straight, float(corners.min()), float(corners.max())
