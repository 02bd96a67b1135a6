"""Tells a picture that is blurred, tinted or covered for a while from one that dissolves into another."""

from __future__ import annotations

from typing import Final

import numpy as np

from reelscope_vision.shots.history import History
from reelscope_vision.shots.transition import correlation

_STEP: Final = 2.5
"""Times the median change between them: an effect that is switched on and off makes two steps, and a dissolve makes none."""

_SAME_PLACE: Final = 0.85
"""Correlation over such a step: it changed the look of the picture, and another picture would correlate less."""

_AS_USUAL: Final = 1.2
"""Share of the change outside that there is between the steps: the camera moves on, and nothing is mixed in."""

_OUTSIDE: Final = 6
"""Frames on either side that tell what is usual."""

_REACH: Final = 2
"""Network frames by which the network's ends may miss the steps."""


def is_covered(history: History, first: int, last: int, step: int) -> bool:
    """Whether the same shot goes on behind something that was switched on and off again.

    Both pictures may differ by then because the camera moved on meanwhile, so that comparing them does not tell.

    Args:
        history: Should reach some frames beyond both ends.
        first: First position of what looks like a gradual transition.
        last: Its last position.
        step: Positions per network frame.
    """
    low, high = max(1, first - _REACH * step), min(len(history) - 1, last + _REACH * step)
    changes = np.array([history[at].change for at in range(low, high + 1)])
    steps = np.flatnonzero(changes >= _STEP * max(float(np.median(changes)), 1.0))
    if len(steps) < 2 or steps[-1] - steps[0] < _REACH + 1:  # noqa: PLR2004 - on and off
        return False
    on, off = low + int(steps[0]), low + int(steps[-1])
    if any(correlation(history[low + int(at) - 1].picture, history[low + int(at)].picture) < _SAME_PLACE for at in steps):
        return False
    reach = _OUTSIDE * step
    outside = [history[at].change for at in (*range(max(1, on - reach), on), *range(off + 1, min(len(history), off + reach)))]
    inside = [history[at].change for at in range(on + 1, off)]
    return bool(outside) and float(np.median(inside)) <= _AS_USUAL * float(np.median(outside))
