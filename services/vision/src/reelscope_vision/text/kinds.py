"""What kind of text it is, by its place and size among the others of the clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from reelscope_vision.text.occurrence import Occurrence

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


class Kinds:
    """Knows all texts of a clip.

    Args:
        texts: All of them.
        clip_s: Length of the clip.
    """

    def __init__(self, texts: Sequence[Occurrence], clip_s: float) -> None:
        self._clip_s = clip_s
        self._rows = np.sort([one.middle[1] for one in texts])
        self._usual = float(np.median([one.height for one in texts])) if len(texts) >= _CROWD else _TITLE_HEIGHT

    def of(self, one: Occurrence) -> str:
        """One of "watermark", "title", "subtitle", "caption" and "scene_text", for one of the texts."""
        if _is_in_scene(one):
            return "scene_text"
        x, y = one.middle
        height = one.height
        lasts = one.seconds >= max(_LASTING * self._clip_s, _LASTING_LEAST_S)
        if lasts and height <= _MARK_HEIGHT and (min(x, 1 - x) < _EDGE or min(y, 1 - y) < _EDGE):
            return "watermark"
        if y >= _SUBTITLE_TOP and abs(x - 0.5) <= _MIDDLE and _SUBTITLE_S[0] <= one.seconds <= _SUBTITLE_S[1]:
            follows = np.searchsorted(self._rows, y + height) - np.searchsorted(self._rows, y - height, "right") > 1
            if height < (2 if follows else 1) * _TITLE_HEIGHT:
                return "subtitle"
        return "title" if height >= min(_TITLE_HEIGHT, _LARGER * self._usual) else "caption"


def _is_in_scene(one: Occurrence) -> bool:
    across = one.corners[0][1] - one.corners[0][0]
    if abs(np.arctan2(across[1], across[0])) > _TILTED:
        return True
    if len(one.corners) < _CROWD:
        return False
    middles = one.corners.mean(axis=1)
    return float((middles.max(axis=0) - middles.min(axis=0)).max()) > _MOVED
