"""A text from its first to its last frame, and what kind of text it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.text.line import Line

_LASTING: Final = 0.8
"""Share of the clip from which a text that stays put is part of its frame."""

_LASTING_LEAST_S: Final = 3.0
"""In a shorter clip everything lasts."""

_MARK_HEIGHT: Final = 0.08
"""Of the picture's height, like all heights here that of the box, half as high again as the letters: marks are small."""

_EDGE: Final = 0.2
"""Of the picture's size: marks stand near its edges."""

_TITLE_HEIGHT: Final = 0.09
"""Of the picture's height, from which a line is larger than subtitles are (letters of 4 to 5 %, as the broadcasters' guides
say)."""

_LARGER: Final = 1.2
"""Times the usual height of the clip's texts: a title stands out among them."""

_SUBTITLE_TOP: Final = 0.6
"""Subtitles stand below, in the middle."""

_MIDDLE: Final = 0.12

_SUBTITLE_S: Final = (0.4, 7.5)
"""How long a subtitle stays: 5/6 s to 7 s by the guides, some slack."""

_TILTED: Final = np.radians(4.0)
"""Text that is put on a picture is level."""

_MOVED: Final = 0.02
"""Of the picture's size: what drifts more is part of the scene."""

_CROWD: Final = 3
"""Places at which a text that moves was seen, and texts of which there is a usual height, at least."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A line with its exact bounds.

    Attributes:
        line: What was followed.
        start_s: Timestamp of the first frame.
        end_s: End of the last frame.
        first_frame: 0-based number of the decoded frame.
        last_frame: The same.
        corners: Shape [n, 4, 2], in picture sizes, of the places where it was.
        times_s: Of those places.
    """

    line: Line
    start_s: float
    end_s: float
    first_frame: int
    last_frame: int
    corners: NDArray[np.float64]
    times_s: tuple[float, ...]

    @property
    def middle(self) -> NDArray[np.float64]:
        """Of its first place, x and y in picture sizes."""
        return np.asarray(self.corners[0].mean(axis=0))

    @property
    def height(self) -> float:
        """Of the line over the picture's."""
        return float(np.abs(self.corners[0][3] - self.corners[0][0])[1])


def joined(found: Sequence[Occurrence]) -> list[Occurrence]:
    """Attempts at one text that take each other up become one occurrence, with the reading that is surest of all."""
    chains: dict[int, list[Occurrence]] = {}
    first: dict[int, int] = {}
    for one in sorted(found, key=lambda occurrence: occurrence.line.number):
        before = one.line.before
        first[one.line.number] = first.get(before.number, one.line.number) if before else one.line.number
        chains.setdefault(first[one.line.number], []).append(one)
    return [_joined(chain) for chain in chains.values()]


def _joined(chain: Sequence[Occurrence]) -> Occurrence:
    best = max(chain, key=lambda one: (one.line.reading.confidence, one.end_s - one.start_s))
    opening = min(chain, key=lambda one: one.first_frame)
    closing = max(chain, key=lambda one: one.last_frame)
    return replace(
        best,
        start_s=opening.start_s,
        end_s=closing.end_s,
        first_frame=opening.first_frame,
        last_frame=closing.last_frame,
        times_s=(opening.start_s, *best.times_s[1:]),
    )


def kind_of(one: Occurrence, others: Sequence[Occurrence], clip_s: float) -> str:
    """One of "watermark", "title", "subtitle", "caption" and "scene_text".

    Args:
        one: Whose kind.
        others: All of the clip, it too.
        clip_s: Length of the clip.
    """
    if _is_in_scene(one):
        return "scene_text"
    x, y = one.middle
    seconds = one.end_s - one.start_s
    lasts = seconds >= max(_LASTING * clip_s, _LASTING_LEAST_S)
    if lasts and one.height <= _MARK_HEIGHT and (min(x, 1 - x) < _EDGE or min(y, 1 - y) < _EDGE):
        return "watermark"
    if y >= _SUBTITLE_TOP and abs(x - 0.5) <= _MIDDLE and _SUBTITLE_S[0] <= seconds <= _SUBTITLE_S[1]:
        follows = [two for two in others if two is not one and abs(two.middle[1] - y) < one.height]
        if one.height < (2 if follows else 1) * _TITLE_HEIGHT:
            return "subtitle"
    usual = float(np.median([two.height for two in others])) if len(others) >= _CROWD else _TITLE_HEIGHT
    return "title" if one.height >= min(_TITLE_HEIGHT, _LARGER * usual) else "caption"


def _is_in_scene(one: Occurrence) -> bool:
    across = one.corners[0][1] - one.corners[0][0]
    if abs(np.arctan2(across[1], across[0])) > _TILTED:
        return True
    if len(one.corners) < _CROWD:
        return False
    middles = one.corners.mean(axis=1)
    return float((middles.max(axis=0) - middles.min(axis=0)).max()) > _MOVED
