"""Follows hands from picture to picture by their landmarks, and looks for new ones now and then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image
from reelscope_vision.nets.blaze import Detection
from reelscope_vision.nets.crops import Square
from reelscope_vision.nets.hand_landmark import Landmarks, square_of

SEARCH_S: Final = 0.45
"""Palms are looked for so often while a hand is lost, or about a wrist that has none."""

CALM_SEARCH_S: Final = 1.0
"""And so often otherwise: for those who come, and where that was in vain."""

MOST_VAIN: Final = 2
"""Searches about a wrist that find nothing, after which its hand is taken for hidden."""

MIN_SCORE: Final = 0.6
"""Of a palm; MediaPipe's default is 0.5, at which elbows and knees begin."""

MIN_PRESENCE: Final = 0.5
NEW_PRESENCE: Final = 0.75
"""Of the landmarks of a hand that is followed, and of one that was not seen before."""

MAX_LOST_S: Final = 0.6
"""A hand that comes back within this time, near where it was, is the same."""

MAX_HANDS: Final = 4

_SAME: Final = 0.35
"""Distance of two hands' middles, in hand sizes, from which they are two."""

_CLEARLY: Final = 0.6
"""Ratio of a hand's ways to the nearest wrist and to the next from which it is not the next one's: hands that hold each other
are as near to both."""

_REACH: Final = 2.5
"""Hand sizes that a hand moves while it is lost."""


@dataclass(frozen=True, slots=True)
class Wrist:
    """Where a hand may be, by a skeleton.

    Attributes:
        owner: Which of all wrists it is: the person and the side.
        square: About the hand.
    """

    owner: tuple[int, int]
    square: Square


@dataclass(slots=True)
class Followed:
    """A hand as it is followed; `is_lost` says that the last look did not find it."""

    track: int
    landmarks: Landmarks
    updated_s: float
    is_lost: bool = False


@dataclass(slots=True)
class _Search:
    """The last search about a wrist that has no hand; `vain` counts those that found none so far."""

    time_s: float
    vain: int

    def is_due(self, time_s: float) -> bool:
        """Whether it is time for another one."""
        return time_s - self.time_s >= (SEARCH_S if self.vain < MOST_VAIN else CALM_SEARCH_S)


@dataclass(slots=True)
class Follower:
    """All hands of one clip.

    Attributes:
        detect: Finds palms in a picture.
        locate: Finds the landmarks in a square of a picture.
    """

    detect: Callable[[Image], list[Detection]]
    locate: Callable[[Image, Square], Landmarks]
    _followed: list[Followed] = field(default_factory=list)
    _next_track: int = 1
    _searched_all_s: float = -np.inf
    _searches: dict[tuple[int, int], _Search] = field(default_factory=dict)
    _turn: int = 0
    _wrists: Sequence[Wrist] = ()
    _tracks: dict[tuple[int, int], int] = field(default_factory=dict)

    def update(self, picture: Image, time_s: float, wrists: Sequence[Wrist]) -> list[Followed]:
        """Takes one picture; gives the hands that are in it, in the order of their tracks.

        Args:
            picture: RGB.
            time_s: Its time.
            wrists: Where hands may be, by the skeletons: small ones are found only there.
        """
        # A hand that gesticulates is in another place by now: there its wrist says where.
        steps = {self._tracks[owner]: step for owner, step in _steps(self._wrists, wrists).items() if owner in self._tracks}
        lost_one = self._follow(picture, time_s, steps)
        self._wrists = wrists
        idle = self._idle(wrists)
        due = [one for one in idle if one.owner not in self._searches or self._searches[one.owner].is_due(time_s)]
        everywhere = time_s - self._searched_all_s >= self._wait_s(lost_one=lost_one, some_idle=bool(idle))
        if due or everywhere:
            self._search(picture, time_s, [one.square for one in due], everywhere=everywhere, some_idle=bool(idle))
        self._remember(due, wrists, time_s)
        self._name(wrists)
        self._followed = [one for one in self._followed if time_s - one.updated_s <= MAX_LOST_S]
        return sorted(self._present, key=lambda one: one.track)

    def _idle(self, wrists: Sequence[Wrist]) -> list[Wrist]:
        """The wrists that have no hand."""
        return [one for one in wrists if not any(_is_at(hand, one.square) for hand in self._present)]

    def _wait_s(self, *, lost_one: bool, some_idle: bool) -> float:
        """Time between two searches in the whole picture: where a wrist has no hand, a lost one is looked for there instead."""
        if some_idle:
            return CALM_SEARCH_S
        if lost_one:
            return 0.0
        return SEARCH_S if any(one.is_lost for one in self._followed) else CALM_SEARCH_S

    def _remember(self, searched: Sequence[Wrist], wrists: Sequence[Wrist], time_s: float) -> None:
        """Takes note of the searches that were in vain; a wrist that has a hand is looked about as soon as it loses it."""
        idle = {one.owner for one in self._idle(wrists)}
        for owner in {one.owner for one in searched} & idle:
            known = self._searches.get(owner)
            self._searches[owner] = _Search(time_s, 1 if known is None else known.vain + 1)
        for owner in {one.owner for one in wrists} - idle:
            self._searches.pop(owner, None)

    @property
    def _present(self) -> list[Followed]:
        return [one for one in self._followed if not one.is_lost]

    def _name(self, wrists: Sequence[Wrist]) -> None:
        """A hand at a wrist is the one that was at it before: after both held each other, or were away."""
        present = {one.track: one for one in self._present}
        moves: dict[int, int] = {}
        for owner, track in _owned(self._present, wrists).items():
            if owner in self._tracks:
                moves.setdefault(self._tracks[owner], track)
            elif track not in self._tracks.values():
                self._tracks[owner] = track
        # A number is free where nobody has it, or who has it gets another one.
        while blocked := [to for to in moves if to in present and to not in moves.values()]:
            for to in blocked:
                del moves[to]
        self._followed = [one for one in self._followed if not (one.is_lost and one.track in moves)]
        for to, track in moves.items():
            present[track].track = to

    def _follow(self, picture: Image, time_s: float, steps: Mapping[int, NDArray[np.float64]]) -> bool:
        """Moves the landmarks, by the steps of their tracks' wrists; says whether one was lost."""
        present = [one for one in self._followed if not one.is_lost]
        for one in present:
            found = self.locate(picture, _moved(one.landmarks.square(), steps.get(one.track)))
            if found.presence >= MIN_PRESENCE and _is_inside(found, picture):
                one.landmarks, one.updated_s = found, time_s
            else:
                one.is_lost = True
        # Two that came together are one: the older one stays.
        kept: list[Followed] = []
        for one in sorted(self._followed, key=lambda hand: (hand.is_lost, hand.track)):
            if one.is_lost or all(_distance(one.landmarks, other.landmarks) > _SAME for other in kept if not other.is_lost):
                kept.append(one)
        self._followed = kept
        return any(one.is_lost for one in present)

    def _search(self, picture: Image, time_s: float, squares: Sequence[Square], *, everywhere: bool, some_idle: bool) -> None:
        parts = [_part(picture, square) for square in squares]
        if everywhere:
            self._searched_all_s = time_s
            parts.insert(0, (picture, 0, 0))
            if not self._present and not some_idle:
                # A hand alone may be small: both ends of the picture in turn, nearer.
                self._turn += 1
                parts.append(_end(picture, self._turn % 2))
        for part, x, y in parts:
            for palm in self.detect(part):
                if sum(not one.is_lost for one in self._followed) >= MAX_HANDS:
                    return
                moved = Detection(palm.box + np.array([x, y, x, y]), palm.keypoints + np.array([x, y]), palm.score)
                if not any(_holds(one.landmarks, moved) for one in self._followed if not one.is_lost):
                    self._take(self.locate(picture, square_of(moved)), picture, time_s)

    def _take(self, found: Landmarks, picture: Image, time_s: float) -> None:
        """A hand that is followed already, one that comes back, or a new one."""
        if found.presence < NEW_PRESENCE or not _is_inside(found, picture):
            return
        if any(_distance(found, one.landmarks) <= _SAME for one in self._followed if not one.is_lost):
            return
        lost = [one for one in self._followed if one.is_lost and _distance(found, one.landmarks) <= _REACH]
        known = min(lost, key=lambda one: _distance(found, one.landmarks), default=None)
        if known is None:
            known = Followed(self._next_track, found, time_s)
            self._next_track += 1
            self._followed.append(known)
        known.landmarks, known.updated_s, known.is_lost = found, time_s, False


def _middle(box: NDArray[np.float64]) -> NDArray[np.float64]:
    return (box[:2] + box[2:]) / 2


def _distance(first: Landmarks, second: Landmarks) -> float:
    """Of the middles, in sizes of the larger hand."""
    size = max(float((one.box[2:] - one.box[:2]).max()) for one in (first, second))
    return float(np.linalg.norm(_middle(first.box) - _middle(second.box))) / max(size, 1.0)


def _holds(hand: Landmarks, palm: Detection) -> bool:
    """Whether a palm's middle is within a hand that is followed: it need not be looked at again."""
    x, y = _middle(palm.box)
    left, top, right, bottom = hand.box
    return bool(left <= x <= right and top <= y <= bottom)


def _owned(hands: Sequence[Followed], wrists: Sequence[Wrist]) -> dict[tuple[int, int], int]:
    """Whose hands are whose, where that is clear: the track of the hand that is nearest to a wrist, which is nearest to it."""
    nearest: dict[tuple[int, int], tuple[float, int]] = {}
    for hand in hands:
        ways = sorted((_way(hand, wrist.square), number) for number, wrist in enumerate(wrists))
        if not ways or (len(ways) > 1 and ways[0][0] > _CLEARLY * ways[1][0]):
            continue
        way, wrist = ways[0][0], wrists[ways[0][1]]
        if _is_at(hand, wrist.square):
            nearest[wrist.owner] = min(nearest.get(wrist.owner, (np.inf, 0)), (way, hand.track))
    return {owner: track for owner, (_, track) in nearest.items()}


def _steps(before: Sequence[Wrist], after: Sequence[Wrist]) -> dict[tuple[int, int], NDArray[np.float64]]:
    """How far wrists went, in pixels, by their owners; without those that another one's place is nearer to: a skeleton takes an
    arm for the other one now and then, or has both at one hand."""
    if not before or not after:
        return {}
    old, new = (np.array([(one.square.x, one.square.y) for one in wrists]) for wrists in (before, after))
    ways = np.linalg.norm(new - old[:, None], axis=2)
    pairs = ((first, int(ways[first].argmin())) for first in range(len(old)))
    return {
        before[first].owner: new[second] - old[first]
        for first, second in pairs
        if before[first].owner == after[second].owner and int(ways[:, second].argmin()) == first
    }


def _moved(square: Square, step: NDArray[np.float64] | None) -> Square:
    return square if step is None else replace(square, x=square.x + float(step[0]), y=square.y + float(step[1]))


def _way(hand: Followed, wrist: Square) -> float:
    """Pixels between a hand's middle and where the skeleton has it."""
    return float(np.linalg.norm(_middle(hand.landmarks.box) - (wrist.x, wrist.y)))


def _is_at(hand: Followed, wrist: Square) -> bool:
    return _way(hand, wrist) <= wrist.side / 2


def _is_inside(found: Landmarks, picture: Image) -> bool:
    """Whether the hand's middle is in the picture, and it is more than a point."""
    height, width = picture.shape[:2]
    x, y = _middle(found.box)
    return bool(0 <= x <= width and 0 <= y <= height and (found.box[2:] - found.box[:2]).max() >= _LEAST_SIZE)


_LEAST_SIZE: Final = 12.0
"""Pixels: a smaller hand shows nothing."""


def _end(picture: Image, last: int) -> tuple[Image, int, int]:
    """The first or last square of a picture along its longer side, with its offset."""
    height, width = picture.shape[:2]
    side = min(height, width)
    left, top = last * (width - side), last * (height - side)
    return np.ascontiguousarray(picture[top : top + side, left : left + side]), left, top


def _part(picture: Image, square: Square) -> tuple[Image, int, int]:
    """The upright part of the picture about a square, with its offset."""
    height, width = picture.shape[:2]
    left, top = (
        int(np.clip(middle - square.side / 2, 0, size - 1)) for middle, size in ((square.x, width), (square.y, height))
    )
    right = int(np.clip(square.x + square.side / 2, left + 1, width))
    bottom = int(np.clip(square.y + square.side / 2, top + 1, height))
    return np.ascontiguousarray(picture[top:bottom, left:right]), left, top
