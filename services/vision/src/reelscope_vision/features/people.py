"""Feature "people": which face tracks are one person's."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.features.face_traits import FaceTraits

SAME_PERSON = 0.67
"""Dot product of embeddings from which two tracks are one person: midway between the lowest of the same person (0.75) and the
highest of others (0.59) in the bundled network's acceptance test."""


@dataclass(slots=True)
class _Track:
    """A track's weighted embedding, and the tracks that were in the picture beside it."""

    embedding: NDArray[np.float64]
    beside: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class People:
    """Value of the one item of the feature "people".

    Attributes:
        person_of: Number of the person, from 1 by first appearance, by the track's.
    """

    person_of: Mapping[int, int]


class PeopleFeature(Feature):
    """One item, at the end of the clip: who somebody is can only be told from all tracks."""

    name = "people"
    version = "1"
    requires = ("face_tracks", "face_traits")
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._tracks: dict[int, _Track] = {}
        self._beside: defaultdict[int, set[int]] = defaultdict(set)
        self._end_s = 0.0

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes the faces of a frame or the traits of one."""
        self._end_s = item.end_s
        if isinstance(item.value, FaceTraits):
            weighted = item.value.weight * item.value.traits.embedding
            track = self._tracks.setdefault(item.value.track, _Track(np.zeros_like(weighted)))
            track.embedding = track.embedding + weighted
        else:
            present = {face.track for face in item.value.faces}
            for track_id in present:
                self._beside[track_id] |= present - {track_id}
        return ()

    def flush(self) -> Iterable[AnyItem]:
        """Gives everybody's number."""
        for number, track in self._tracks.items():
            track.beside = self._beside[number]
        everybody = sorted(self._beside)
        people = People(_persons(everybody, self._tracks))
        yield Item(self.name, self._end_s, self._end_s, 0, people)


def _persons(numbers: Sequence[int], tracks: Mapping[int, _Track]) -> dict[int, int]:
    """Agglomerative clustering by the mean embedding; who is in the picture together is never one person."""
    known = [number for number in numbers if number in tracks]
    if not known:
        return {number: person for person, number in enumerate(numbers, start=1)}
    groups = [{number} for number in known]
    sums = np.array([tracks[number].embedding for number in known]).reshape(len(known), -1)
    apart = np.array([[a == b or b in tracks[a].beside for b in known] for a in known], bool).reshape(len(known), len(known))
    alive = np.ones(len(known), bool)
    units = sums / _lengths(sums)
    likeness = np.where(apart, -1.0, units @ units.T)
    while True:
        first, second = divmod(int(likeness.argmax()), len(known))
        if likeness[first, second] < SAME_PERSON:
            break
        groups[first] |= groups[second]
        sums[first] += sums[second]
        apart[first] |= apart[second]
        apart[:, first] = apart[first]
        alive[second] = False
        # Only what the merged one is like has changed: all pairs anew would take minutes for a thousand tracks.
        units[first] = sums[first] / _lengths(sums[first])
        likeness[first] = likeness[:, first] = np.where(apart[first] | ~alive, -1.0, units @ units[first])
        likeness[second] = likeness[:, second] = -1.0
    found = [group for group, lives in zip(groups, alive, strict=True) if lives]
    found += [{number} for number in numbers if number not in tracks]
    return {number: person for person, group in enumerate(sorted(found, key=min), start=1) for number in group}


def _lengths(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the rows, shape [..., 1]; never 0."""
    lengths: NDArray[np.float64] = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.maximum(lengths, np.finfo(np.float64).tiny)
