"""Feature "person_tracks": the persons that are worth telling of, in tracks that end at cuts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from reelscope_vision.features.backed_tracks import BackedTracks
from reelscope_vision.features.persons import SAMPLED_RATE
from reelscope_vision.persons.person import FramePersons
from reelscope_vision.tracking.boxes import Boxes, intersection, iou

SURE: Final = 0.5
"""Score of a skeleton that is believed as it is: bottles in a row, dogs and chairs reach 0.4."""

_AGREES: Final = 0.75
"""Share of a skeleton's box within a person of the object detector from which the two see the same. Of a face that fills the
picture the skeleton is the smaller part."""


class PersonTracks(BackedTracks):
    """Frames as "persons" gives them.

    The network sees a person in whatever stands upright. A track is told of where one of its skeletons is sure, or the detector
    of objects, which learned what is not a person, sees somebody at the same place; only the sure ones, where that fails.
    """

    name = "person_tracks"
    version = "1"
    requires = ("shots", "persons")
    sampled_rate = SAMPLED_RATE

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

    def backed(self, frame: FramePersons, persons: Boxes) -> Iterable[int]:
        """A detection speaks for one skeleton, the one that is most like it: a second one on the same body is a mistake."""
        boxes = np.array([person.box for person in frame.persons]).reshape(-1, 4)
        inside = intersection(boxes, persons) / np.maximum(boxes[:, 2:].prod(axis=1), np.finfo(np.float64).tiny)[:, None]
        rows, columns = linear_sum_assignment(np.where(inside >= _AGREES, 1 + iou(boxes, persons), 0.0), maximize=True)
        agreeing = {int(row) for row, column in zip(rows, columns, strict=True) if inside[row, column] >= _AGREES}
        return [frame.persons[index].track for index in agreeing]
