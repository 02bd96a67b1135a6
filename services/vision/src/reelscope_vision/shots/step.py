"""Finds cuts by the frames alone, where a single step stands out: the network misses some between alike or plain pictures."""

from __future__ import annotations

import numpy as np

from reelscope_vision.shots.history import History
from reelscope_vision.shots.transition import correlation, is_recoloured

NEIGHBOURS = 4
"""Frames on either side that are compared with the step."""

_STANDS_OUT = 3.0
"""Times the largest change around it. Fast motion lasts for several frames."""

_LEAST_STEP = 0.3
"""Mean change relative to the contrast of the picture."""

_CHANGED, _LEAST_SHARE = 12, 0.5
"""Grey levels and share of pixels: a caption that pops up changes a tenth of the picture, however much there."""

_OTHER_PICTURE = 0.85
"""Correlation of the two frames above which only the light changed, or something within the same shot."""

_MOST = 0.5
"""Strength of a cut that the network does not confirm."""


def find_step(history: History, position: int) -> float | None:
    """Strength, in [0, 0.5], of the cut between a frame and the one before it; None where there is none.

    Args:
        history: Should reach `NEIGHBOURS` frames beyond the position.
        position: Of the first frame of the new shot; at least 1.
    """
    old, new = history[position - 1], history[position]
    step = new.change / max(old.contrast, new.contrast, 1.0)
    if step < _LEAST_STEP:
        return None
    last = len(history) - 1
    around = [at for at in range(max(1, position - NEIGHBOURS), min(last, position + NEIGHBOURS) + 1) if at != position]
    if new.change < _STANDS_OUT * max((history[at].change for at in around), default=0.0):
        return None
    changed = np.abs(new.picture.astype(np.int16) - old.picture).max(axis=2) > _CHANGED
    if changed.mean() < _LEAST_SHARE or correlation(old.picture, new.picture) > _OTHER_PICTURE:
        return None
    if is_recoloured(old, new):
        return None
    return min(_MOST, step)
