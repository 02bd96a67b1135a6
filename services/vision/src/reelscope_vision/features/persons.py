"""Feature "persons": the skeletons of six frames a second."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Image, Item
from reelscope_runtime.media.sampling import RateSampler
from reelscope_vision.features.pictures import SEEN
from reelscope_vision.nets.movenet import Pose, find
from reelscope_vision.persons.person import FramePersons, Person
from reelscope_vision.sampling.calm_gate import CalmGate, on_bodies
from reelscope_vision.tracking.tracker import UNTRACKED, Tracker, TrackerSettings

_TASK = "pose"

SAMPLED_RATE = 6.0
"""Frames a second: a clap or the turn of a squat takes a third of a second or more, and is seen in two."""

_PATIENCE_S = 0.45
"""While nothing moves, every third of these frames is looked at."""

MIN_SCORE = 0.2
"""Of a person, as the network's authors use it."""

MIN_CERTAINTY = 0.2
"""Mean score of the six surest keypoints: of a face that fills the picture it is 0.25 to 0.4. Furniture and animals reach 0.5:
`person_tracks` tells them apart."""

_TRACKER = TrackerSettings(high_score=0.3, low_score=MIN_SCORE, start_score=0.3, max_gap_s=1.0)
"""The network's scores of true persons lie between 0.3 and 0.8."""


class Persons(Feature):
    """Persons with 17 keypoints; `index` is the number of the decoded frame.

    Tracks are raw: they go on over cuts and may be a moment's mistake; `person_tracks` has those to tell of. A frame like the
    last one that was looked at, or nearly and soon after it, has its persons.
    """

    name = "persons"
    version = "1"
    frames = SEEN
    models = (_TASK,)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._sampler = RateSampler(SAMPLED_RATE)
        self._gate = CalmGate(_PATIENCE_S)
        self._tracker = Tracker(_TRACKER)
        self._last: tuple[Person, ...] = ()

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame and gives its persons, if it is its turn."""
        if not self._sampler.wants(item.time_s, item.end_s):
            return
        picture: Image = item.value
        height, width = picture.shape[:2]
        is_new = self._gate.wants(picture, item.time_s)
        if is_new:
            found = find(self.context.model(_TASK), picture, min_score=MIN_SCORE)
            self._last = self._tracked(item.time_s, [one for one in found if one.certainty >= MIN_CERTAINTY], width, height)
            self._gate.worth = on_bodies(np.array([person.box for person in self._last]).reshape(-1, 4))
        yield Item(self.name, item.time_s, item.end_s, item.index, FramePersons(self._last, width / height, not is_new))

    def _tracked(self, time_s: float, poses: list[Pose], width: int, height: int) -> tuple[Person, ...]:
        corners = np.array([pose.box for pose in poses]).reshape(-1, 4) / (width, height, width, height)
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        ids = self._tracker.update(time_s, boxes, np.array([pose.score for pose in poses])).ids.tolist()
        persons = [
            Person(track, box, pose.keypoints / (width, height, 1.0), pose.score)
            for track, box, pose in zip(ids, boxes, poses, strict=True)
            if track != UNTRACKED
        ]
        return tuple(sorted(persons, key=lambda person: person.track))
