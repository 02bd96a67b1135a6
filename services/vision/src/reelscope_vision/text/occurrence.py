"""A text from its first to its last frame, and what kind of text it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from reelscope_vision.text.line import Line, plain

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


_AT_ONCE_S: Final = 0.15
"""Seconds between two texts of which the one is the other's beginning or end: a look lies between them at most."""

_TOGETHER_S: Final = 0.15
"""Seconds from which two texts that say the same are two: one of them is not where the other one goes on."""

_MOVES: Final = 0.3
"""Of the picture's size, that a text moves by from look to look."""

_PASSING_S: Final = 0.5
"""Seconds from which a text is one by itself, though the next one says more."""

_STAYS: Final = 0.25
"""Of the way that the other side grows by, how far the side may move that a text and a part of it share. Words that pop up one
by one are centred: "you" grows to both sides where "your" follows it."""

_MOMENT_S: Final = 0.15
"""Seconds up to which a text may be two that fade into each other."""

_SURE: Final = 0.98
"""Confidence from which it is not."""

_LIKE: Final = 0.5
"""Similarity of the texts from which it may be."""

_COVERED: Final = 0.5
"""Of a text's place, in which another one stands."""


@dataclass(frozen=True, slots=True, eq=False)
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
    def seconds(self) -> float:
        """How long it is there."""
        return self.end_s - self.start_s

    @property
    def is_glimpse(self) -> bool:
        """Whether it was found at one look only."""
        return self.line.first == self.line.confirmed

    @property
    def middle(self) -> NDArray[np.float64]:
        """Of its first place, x and y in picture sizes."""
        return np.asarray(self.corners[0].mean(axis=0))

    @property
    def height(self) -> float:
        """Of the line over the picture's."""
        return float(np.abs(self.corners[0][3] - self.corners[0][0])[1])


def joined(found: Sequence[Occurrence]) -> list[Occurrence]:
    """One occurrence of what belongs together, each with the reading that is surest.

    Attempts at one text that take each other up are joined; a text that goes on elsewhere is; and one that was read before all
    of it was there, or after. Two texts that were read through each other, while the one gives way to the other, are none.
    """
    chains: dict[int, list[Occurrence]] = {}
    first: dict[int, int] = {}
    for one in sorted(found, key=lambda occurrence: occurrence.line.number):
        before = one.line.before
        first[one.line.number] = first.get(before.number, one.line.number) if before else one.line.number
        chains.setdefault(first[one.line.number], []).append(one)
    whole = [
        _joined(chain, max(chain, key=lambda one: (one.line.reading.confidence, one.seconds))) for chain in chains.values()
    ]
    whole.sort(key=lambda one: one.seconds)
    kept = []
    for at, one in enumerate(whole):
        near = [later for later in range(at + 1, len(whole)) if _gap_s(one, whole[later]) <= _AT_ONCE_S]
        host = next((later for later in near if _goes_on(one, whole[later]) or _is_part(one, whole[later])), None)
        if host is not None:
            whole[host] = _joined([one, whole[host]], whole[host])
        elif not any(_is_through(one, whole[later]) or _is_misread(one, whole[later]) for later in near):
            kept.append(one)
    return kept


def _joined(chain: Sequence[Occurrence], best: Occurrence) -> Occurrence:
    opening = min(chain, key=lambda one: one.first_frame)
    closing = max(chain, key=lambda one: one.last_frame)
    moved = sorted((one for one in chain if one is best or _goes_on(one, best)), key=lambda one: one.first_frame)
    return replace(
        best,
        start_s=opening.start_s,
        end_s=closing.end_s,
        first_frame=opening.first_frame,
        last_frame=closing.last_frame,
        corners=np.concatenate([one.corners for one in moved]),
        times_s=(opening.start_s, *[time_s for one in moved for time_s in one.times_s][1:]),
    )


def _gap_s(one: Occurrence, other: Occurrence) -> float:
    """Seconds between two texts; how long they are there together, as a negative number."""
    return max(one.start_s, other.start_s) - min(one.end_s, other.end_s)


def _goes_on(one: Occurrence, other: Occurrence) -> bool:
    """Whether a text is the same as another that is there before or after it, and not far from it."""
    if plain(one.line.reading.text) != plain(other.line.reading.text):
        return False
    is_same_time = _gap_s(one, other) < -_TOGETHER_S and not (one.is_glimpse and not other.is_glimpse)
    near = np.abs(one.corners[:, None].mean(axis=2) - other.corners[None].mean(axis=2)).max(axis=2).min()
    return not is_same_time and bool(near <= _MOVES)


def _is_part(one: Occurrence, other: Occurrence) -> bool:
    """Whether a text is a part of a longer one, which it was read as while that came or went: where that has this part."""
    part, whole = plain(one.line.reading.text), plain(other.line.reading.text)
    at = whole.find(part)
    if one.seconds >= _PASSING_S or at < 0 or len(part) == len(whole) or part.isdecimal():
        return False
    ours, theirs = one.line.places[0][1], other.line.places[0][1]
    left, right = float(abs(ours[0, 0] - theirs[0, 0])), float(abs(ours[1, 0] - theirs[1, 0]))
    is_within = float(ours[0, 0]) >= float(theirs[0, 0]) and float(ours[1, 0]) <= float(theirs[1, 0])
    stays = left <= _STAYS * right if at == 0 else right <= _STAYS * left if at + len(part) == len(whole) else is_within
    return stays and float(abs(ours[0, 1] - theirs[0, 1])) <= float(theirs[3, 1] - theirs[0, 1]) / 2


def _is_misread(one: Occurrence, other: Occurrence) -> bool:
    """Whether a text was there for a moment only, and is much like another one in its place that was read more surely."""
    if one.seconds > _MOMENT_S or one.line.reading.confidence >= min(_SURE, other.line.reading.confidence):
        return False
    ours, theirs = plain(one.line.reading.text), plain(other.line.reading.text)
    if [letter for letter in ours if letter.isdecimal()] != [letter for letter in theirs if letter.isdecimal()]:
        return False
    return Levenshtein.normalized_similarity(ours, theirs) >= _LIKE and other.line.covers(one.line.box) > _COVERED


def _is_through(one: Occurrence, other: Occurrence) -> bool:
    """Whether a text was seen at one look only, where another one was at that time."""
    return (
        one.is_glimpse
        and not other.is_glimpse
        and _gap_s(one, other) < -one.seconds / 2
        and other.line.covers(one.line.box) > _COVERED
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
