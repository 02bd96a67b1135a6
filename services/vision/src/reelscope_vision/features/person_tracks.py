"""Feature "person_tracks": the persons that are worth telling of, in tracks that end at cuts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.features.objects import FrameObjects
from reelscope_vision.features.person_boxes import person_boxes
from reelscope_vision.features.persons import SAMPLED_RATE
from reelscope_vision.features.settled_tracks import SettledTracks
from reelscope_vision.persons.person import FramePersons
from reelscope_vision.tracking.boxes import intersection, iou

SURE: Final = 0.5
"""Score of a skeleton that is believed as it is: bottles in a row, dogs and chairs reach 0.4."""

_AGREES: Final = 0.75
"""Share of a skeleton's box within a person of the object detector from which the two see the same. Of a face that fills the
picture the skeleton is the smaller part."""


class PersonTracks(SettledTracks):
    """Frames as "persons" gives them.

    The network sees a person in whatever stands upright. A track is told of where one of its skeletons is sure, or the detector
    of objects, which learned what is not a person, sees somebody at the same place; only the sure ones, where that fails.
    """

    name = "person_tracks"
    version = "1"
    # Shots first: of a cut and a frame at the same time, the frame belongs to the new shot.
    requires = ("shots", "persons")
    wants = ("objects",)
    sampled_rate = SAMPLED_RATE

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._persons: AnyItem | None = None
        self._objects: AnyItem | None = None

    def raw_tracks(self, frame: FramePersons) -> Sequence[int]:
        """Of the persons."""
        return [person.track for person in frame.persons]

    def sure_tracks(self, frame: FramePersons) -> Collection[int]:
        """Those whose skeleton is sure."""
        return {person.track for person in frame.persons if person.score >= SURE}

    def renumbered(self, frame: FramePersons, tracks: Mapping[int, int]) -> FramePersons:
        """With the persons that are told of."""
        persons = (replace(one, track=tracks[one.track]) for one in frame.persons if one.track in tracks)
        return replace(frame, persons=tuple(persons))

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a transition, or the persons or objects of a frame; gives the frames that have waited long enough."""
        if isinstance(item.value, FrameObjects):
            self._objects = item
            self._believe()
            return
        if isinstance(item.value, FramePersons):
            self._persons = item
        elif item.value.ends_tracks:
            self._persons = self._objects = None
        settled = list(super().process(item))
        self._believe()
        yield from settled

    def _believe(self) -> None:
        """Lets the two looks at the same moment speak for each other."""
        if self._persons is None:
            return
        frame: FramePersons = self._persons.value
        seen = person_boxes(self._objects, self._persons.time_s)
        boxes = np.array([person.box for person in frame.persons]).reshape(-1, 4)
        inside = intersection(boxes, seen) / np.maximum(boxes[:, 2:].prod(axis=1), np.finfo(np.float64).tiny)[:, None]
        # A detection speaks for one skeleton, the one that is most like it: a second one on the same body is a mistake.
        rows, columns = linear_sum_assignment(np.where(inside >= _AGREES, 1 + iou(boxes, seen), 0.0), maximize=True)
        agreeing = {int(row) for row, column in zip(rows, columns, strict=True) if inside[row, column] >= _AGREES}
        for index in agreeing:
            self.settler.believe(frame.persons[index].track)
