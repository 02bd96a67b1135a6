"""Feature "hands": hands with their landmarks, six times a second."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import numpy as np

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Image, Item
from reelscope_vision.features.pictures import pictures_at
from reelscope_vision.hands.follower import MIN_SCORE, Followed, Follower, Wrist
from reelscope_vision.hands.hand import FrameHands, Hand
from reelscope_vision.nets.blaze import PALM, Blaze
from reelscope_vision.nets.crops import Square
from reelscope_vision.nets.hand_landmark import locate
from reelscope_vision.nets.movenet import KEYPOINTS
from reelscope_vision.persons.person import FramePersons, Person
from reelscope_vision.sampling.change_gate import ChangeGate

_DETECTION = "palm_detection"
_LANDMARKS = "hand_landmarks"

SAMPLED_RATE: Final = 6.0
"""Pictures a second: a gesture is held for a third of a second and more, and is seen in two."""

_SEEN: Final = 0.3
"""Score of a wrist and an elbow that are believed."""

_BEYOND: Final = 0.35
"""A hand's middle is so many forearms beyond the wrist."""

_AROUND: Final = 1.8
"""Forearms: side of the square in which it is looked for."""

_ARMS: Final = tuple((KEYPOINTS.index(f"{side}_elbow"), KEYPOINTS.index(f"{side}_wrist")) for side in ("left", "right"))


class Hands(Feature):
    """Hands in six frames a second; `index` is the number of the decoded frame.

    Tracks are raw: they go on over cuts and may be a moment's mistake; `hand_tracks` has those to tell of.
    """

    name = "hands"
    version = "5"
    frames = pictures_at(SAMPLED_RATE)
    wants = ("persons",)
    models = (_DETECTION, _LANDMARKS)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        detector = Blaze(context.model(_DETECTION), PALM, input_name="input_1")
        self._follower = Follower(
            detect=partial(detector.detect, min_score=MIN_SCORE), locate=partial(locate, context.model(_LANDMARKS))
        )
        self._gate = ChangeGate()
        self._waiting: AnyItem | None = None
        self._last: tuple[Hand, ...] = ()

    def held_from_s(self) -> float:
        """Of the frame that waits for its persons or, where none come, for the next frame."""
        return math.inf if self._waiting is None else self._waiting.time_s

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a frame, which waits for its persons, or the persons of one, which come just after it."""
        if isinstance(item.value, FramePersons):
            if self._waiting is not None and self._waiting.index == item.index:
                yield from self._look(item.value.persons)
            return
        yield from self._look(())
        self._waiting = item

    def flush(self) -> Iterable[AnyItem]:
        """Gives the hands of the frame that waits."""
        return self._look(())

    def _look(self, persons: Sequence[Person]) -> Iterable[AnyItem]:
        """Gives the hands of the frame that waits, if one does."""
        if self._waiting is None:
            return
        item, self._waiting = self._waiting, None
        picture: Image = item.value
        height, width = picture.shape[:2]
        is_new = self._gate.change(picture) > 0
        if is_new:
            followed = self._follower.update(picture, item.time_s, _wrists(persons, width, height))
            self._last = tuple(_hand(one, width, height) for one in followed)
        yield Item(self.name, item.time_s, item.end_s, item.index, FrameHands(self._last, width / height, not is_new))


def _wrists(persons: Sequence[Person], width: int, height: int) -> list[Wrist]:
    """Where the hands of skeletons are, in pixels."""
    wrists = []
    for person in persons:
        for side, (elbow, wrist) in enumerate(_ARMS):
            if min(person.keypoints[elbow, 2], person.keypoints[wrist, 2]) < _SEEN:
                continue
            ends = person.keypoints[[elbow, wrist], :2] * (width, height)
            forearm = ends[1] - ends[0]
            x, y = ends[1] + _BEYOND * forearm
            square = Square(float(x), float(y), max(_AROUND * float(np.linalg.norm(forearm)), 1.0))
            wrists.append(Wrist((person.track, side), square))
    return wrists


def _hand(followed: Followed, width: int, height: int) -> Hand:
    landmarks = followed.landmarks
    left, top, right, bottom = landmarks.box / (width, height, width, height)
    return Hand(
        track=followed.track,
        points=landmarks.points / (width, height, width),
        box=np.array([left, top, right - left, bottom - top]),
        presence=landmarks.presence,
        left=landmarks.left,
    )
