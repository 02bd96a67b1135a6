"""What a transition is, and what two pictures tell of the one between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.shots.history import SmallFrame

Kind = Literal["hard", "dissolve", "fade", "wipe", "flash", "jump"]

_SAME_PICTURE = frozenset({"jump", "flash"})

PLAIN_SPREAD = 8.0
"""Grey levels between the 10th and 90th percentile: below, a frame is plain (black, white, one colour). Video black with noise
and a small logo stays below 5; foggy and dark pictures begin at 10."""

_BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of Rec. 601, which filters tone by."""

_RECOLOURED = 3.0
"""Grey levels by which colours change on average, brightness aside."""

_SAME_BRIGHTNESS = 0.97
"""Correlation of the brightnesses over such a step; two takes of one scene reach it too, but then the colours stay."""

_MOVED = 24.0
"""Grey levels by which a pixel must change in a transition to have a say in its kind."""

_MIXED_SHARE = 0.35
"""Mean of 4a(1-a) over the mixing ratios a of the pixels, midway: 1 where all mix evenly, 2/3 over a whole dissolve, near 0
where each pixel shows either the old or the new picture, as in a wipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """Value of the items of the feature "shots".

    Attributes:
        kind: "fade" has a plain picture (black, white) at its start, its end or within; "flash" is a short excursion after
            which the same picture goes on; "jump" is a cut after which nearly the same picture goes on.
        frame: First frame of the new shot, 0-based number of the decoded frame. Of a dissolve or wipe: the first in which the
            new picture prevails. Of a fade-in: its first. Of a fade-out or flash: the first frame after it.
        time_s: Timestamp of that frame.
        first_frame: First frame of the transition; `frame` itself for a cut.
        last_frame: Last frame of the transition; `frame` itself for a cut.
        start_s: Timestamp of `first_frame`.
        end_s: End of `last_frame`.
        strength: The network's probability, in [0,1]; for a flash how large it is; of what the frames alone tell at most
            0.5, or how clear a wipe is.
        opens_shot: Whether another shot begins at `frame`. False for flashes, for fades from or to nothing, and where the
            same picture comes back. Of a fade-out and the fade-in that follows, the fade-in opens the shot.
    """

    kind: Kind
    frame: int
    time_s: float
    first_frame: int
    last_frame: int
    start_s: float
    end_s: float
    strength: float
    opens_shot: bool

    @property
    def ends_tracks(self) -> bool:
        """Whether what was seen before is gone: after a jump or a flash the same picture goes on, and so do the tracks."""
        return self.opens_shot and self.kind not in _SAME_PICTURE


def is_plain(frame: SmallFrame) -> bool:
    """Whether the frame is of one colour."""
    return frame.spread < PLAIN_SPREAD


def correlation(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Pearson correlation of two pictures over all pixels and channels, -1..1; 0 where one is plain."""
    left, right = (np.ravel(one).astype(np.float32) for one in (first, second))
    left, right = left - left.mean(), right - right.mean()
    scale = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / scale if scale > 0 else 0.0


def is_recoloured(before: SmallFrame, after: SmallFrame) -> bool:
    """Whether a step only gave the same picture other colours, as filters do: its brightnesses stay where they are."""
    old, new = (one.picture.astype(np.float32) for one in (before, after))
    grays = [(one @ _BRIGHTNESS)[..., None] for one in (old, new)]
    turned = float(np.abs((new - grays[1]) - (old - grays[0])).mean())
    left, right = (np.ravel(gray - gray.mean()) for gray in grays)
    scale = float(np.sqrt((left @ left) * (right @ right)))
    return turned >= _RECOLOURED and scale > 0 and float(left @ right) / scale >= _SAME_BRIGHTNESS


def is_wipe(before: SmallFrame, during: Sequence[SmallFrame], after: SmallFrame) -> bool:
    """Whether the pixels changed one after the other and not all together."""
    old = before.picture.astype(np.float32).mean(axis=2)
    way = after.picture.astype(np.float32).mean(axis=2) - old
    moved = np.abs(way) >= _MOVED
    if not during or not moved.any():
        return False
    frames = np.stack([frame.picture.astype(np.float32).mean(axis=2)[moved] for frame in during])
    ratio = np.clip((frames - old[moved]) / way[moved], 0.0, 1.0)
    middle = np.abs(ratio.mean(axis=1) - 0.5).argmin()
    return float((4 * ratio[middle] * (1 - ratio[middle])).mean()) < _MIXED_SHARE
