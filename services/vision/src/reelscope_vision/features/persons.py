"""Feature "persons": the skeletons of six frames a second."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Image, Item
from reelscope_vision.features.pictures import pictures_at
from reelscope_vision.nets.movenet import find
from reelscope_vision.persons.between import between
from reelscope_vision.persons.person import FramePersons, Person
from reelscope_vision.sampling.calm_gate import CalmGate, on_bodies
from reelscope_vision.tracking.boxes import Boxes
from reelscope_vision.tracking.tracker import UNTRACKED, Tracker, TrackerSettings

_TASK = "pose"

SAMPLED_RATE = 6.0
"""Frames a second: a clap or the turn of a squat takes a third of a second or more, and is seen in two."""

_PATIENCE_S = 0.45
"""While nothing moves, two of these frames go without a look, and the third waits for the fourth."""

MIN_SCORE = 0.2
"""Of a person, as the network's authors use it."""

MIN_CERTAINTY = 0.2
"""Mean score of the six surest keypoints: of a face that fills the picture it is 0.25 to 0.4. Furniture and animals reach 0.5:
`person_tracks` tells them apart."""

_TRACKER = TrackerSettings(high_score=0.3, low_score=MIN_SCORE, start_score=0.3, max_gap_s=1.0)
"""The network's scores of true persons lie between 0.3 and 0.8."""

_WENT_ON = 0.5
"""Of what moved until the picture between two looks, so much at least is still elsewhere at the second one: after a clap or a
nod things are back where they were, and the way between tells nothing."""

_SPAN_S = 0.4
"""Time between two looks from which nothing is said of what lies between: claps and squats turn in less."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A frame that may be passed over.

    Attributes:
        item: It.
        moved: What moved in it since the last look.
        since_s: When the picture was last as it was at that look.
    """

    item: AnyItem
    moved: float
    since_s: float


class Persons(Feature):
    """Persons with 17 keypoints; `index` is the number of the decoded frame.

    Tracks are raw: they go on over cuts and may be a moment's mistake; `person_tracks` has those to tell of. A frame like the
    last one that was looked at, or nearly and soon after it, has its persons. Every second one of the others waits: it has
    those on the way from one look to the next, or is looked at as well where that would be a guess.
    """

    name = "persons"
    version = "4"
    frames = pictures_at(SAMPLED_RATE)
    models = (_TASK,)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._gate = CalmGate(_PATIENCE_S)
        self._tracker = Tracker(_TRACKER)
        self._found: list[Person] = []
        self._last: tuple[Person, ...] = ()
        self._alike_s = 0.0
        self._held: _Held | None = None

    def held_from_s(self) -> float:
        """Of the frame that waits for the next look."""
        return math.inf if self._held is None else self._held.item.time_s

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame and gives its persons, after those of the one that waited, unless it waits itself."""
        if self._held is not None:
            held, self._held = self._held, None
            yield from self._next_look(held, item)
        elif not self._gate.wants(item.value, item.time_s):
            self._alike_s = item.time_s
            yield self._item(item, repeated=True)
        elif self._gate.leapt(item.value):
            yield self._tracked(item, self._look(item))
            self._compare_with(item)
        else:
            self._held = _Held(item, self._gate.moved(item.value), self._alike_s)

    def flush(self) -> Iterable[AnyItem]:
        """Gives the persons of the frame that waits."""
        if self._held is not None:
            held, self._held = self._held, None
            yield self._tracked(held.item, self._look(held.item))

    def _next_look(self, held: _Held, item: AnyItem) -> Iterable[AnyItem]:
        before, after = self._found, self._look(item)
        passed_over = None
        span_s = item.time_s - held.since_s
        if span_s <= _SPAN_S and self._gate.moved(item.value) >= _WENT_ON * held.moved:
            share = (held.item.time_s - held.since_s) / span_s
            passed_over = between(before, after, share=share, aspect=_aspect(item.value))
        yield self._tracked(held.item, self._look(held.item) if passed_over is None else passed_over)
        yield self._tracked(item, after)
        self._compare_with(item)

    def _look(self, item: AnyItem) -> list[Person]:
        """What the network finds, not tracked yet."""
        picture: Image = item.value
        height, width = picture.shape[:2]
        persons = []
        for pose in find(self.context.model(_TASK), picture, min_score=MIN_SCORE):
            if pose.certainty >= MIN_CERTAINTY:
                left, top, right, bottom = pose.box / (width, height, width, height)
                box = np.array([left, top, right - left, bottom - top])
                persons.append(Person(UNTRACKED, box, pose.keypoints / (width, height, 1.0), pose.score))
        return persons

    def _tracked(self, item: AnyItem, found: list[Person]) -> AnyItem:
        """The persons of the next frame, in their tracks."""
        self._found = found
        boxes = _upright(np.array([one.box for one in found]).reshape(-1, 4), _aspect(item.value))
        ids = self._tracker.update(item.time_s, boxes, np.array([one.score for one in found])).ids.tolist()
        tracked = [replace(one, track=track) for track, one in zip(ids, found, strict=True) if track != UNTRACKED]
        self._last = tuple(sorted(tracked, key=lambda person: person.track))
        return self._item(item, repeated=False)

    def _compare_with(self, item: AnyItem) -> None:
        """Takes a frame that was looked at as the one that the next ones are compared with."""
        self._alike_s = item.time_s
        self._gate.looked(item.value, item.time_s, on_bodies(np.array([one.box for one in self._last]).reshape(-1, 4)))

    def _item(self, item: AnyItem, *, repeated: bool) -> AnyItem:
        return Item(self.name, item.time_s, item.end_s, item.index, FramePersons(self._last, _aspect(item.value), repeated))


def _upright(boxes: Boxes, aspect: float) -> Boxes:
    """Boxes [n, 4] that are at least as high as wide: of a face that fills the picture the network sees now the eyes alone, a
    flat band somewhere in it, and now all of it."""
    heights = np.maximum(boxes[:, 3], boxes[:, 2] * aspect)
    tops = boxes[:, 1] + (boxes[:, 3] - heights) / 2
    return np.stack([boxes[:, 0], tops, boxes[:, 2], heights], axis=1)


def _aspect(picture: Image) -> float:
    height, width = picture.shape[:2]
    return float(width / height)
