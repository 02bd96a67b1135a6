"""Analyzer "age_estimation": how old the people look, pooled over each face track."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import Score
from reelscope.vision.v1.details_pb2 import AgeDetail, AgeSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.faces.face import FrameFaces
from reelscope_vision.features.face_traits import FaceTraits
from reelscope_vision.features.people import People
from reelscope_vision.nets.faceres import AGES

GROUPS: Final = (
    (3, "0-2"),
    (10, "3-9"),
    (20, "10-19"),
    (30, "20-29"),
    (40, "30-39"),
    (50, "40-49"),
    (60, "50-59"),
    (70, "60-69"),
)
"""First age beyond each group: those of FairFace (Karkkainen & Joo, 2021)."""

OLDEST: Final = "70+"

_PEAK_BINS = 2
"""The network's estimate is the mean of its two likeliest years, as its authors use it."""

_NET_ERROR_YEARS = 5.0
"""Mean absolute error that the network's authors report; the interval is never narrower than that makes it."""

_TAIL = 0.1
"""Below and above the interval."""

_SIGMAS = 1.2816
"""Of a normal distribution, for that tail."""

_SURE = 0.5


@dataclass(slots=True)
class _Track:
    """What was seen of one face track."""

    start_s: float
    end_s: float
    weights: list[float] = field(default_factory=list)
    years: list[float] = field(default_factory=list)
    ages: list[NDArray[np.float64]] = field(default_factory=list)
    male: list[float] = field(default_factory=list)


class AgeEstimation(Analyzer):
    """One segment per face track: each look's age, weighted by how good a look it was."""

    name = "age_estimation"
    version = "1"
    description = "Apparent age with an interval, age group and presented gender of each face track"
    detail = "age"
    stills = True
    requires = ("face_tracks", "face_traits", "people")
    at_end = ("people",)
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._tracks: dict[int, _Track] = {}
        self._people = People({})
        self._summary = AgeSummary()

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes the faces of a frame, the traits of one, or everybody's number."""
        match item.value:
            case FrameFaces():
                for face in item.value.faces:
                    self._tracks.setdefault(face.track, _Track(item.time_s, item.end_s)).end_s = item.end_s
            case FaceTraits():
                track, traits = self._tracks[item.value.track], item.value.traits
                track.weights.append(item.value.weight)
                track.years.append(_peak(traits.ages))
                track.ages.append(traits.ages)
                track.male.append(traits.male)
            case People():
                self._people = item.value
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives the tracks that were looked at, in the order of their numbers."""
        seen = {number: track for number, track in sorted(self._tracks.items()) if track.weights}
        segments = [self._segment(number, track) for number, track in seen.items()]
        self._summary = _sum_up([segment.age for segment in segments])
        return segments

    def summary(self) -> Summary:
        """Shares of the age groups among the persons; each person counts once."""
        return Summary(age=self._summary)

    def _segment(self, number: int, track: _Track) -> Segment:
        weights = np.array(track.weights)
        years = float(np.average(track.years, weights=weights))
        low, high = _interval(np.average(track.ages, axis=0, weights=weights), years)
        male = float(np.average(track.male, weights=weights))
        return Segment(
            start_s=track.start_s,
            end_s=track.end_s,
            confidence=float(np.clip(weights.max(), 0.0, 1.0)),
            age=AgeDetail(
                track_id=number,
                person_id=self._people.person_of.get(number, 0),
                years=years,
                low=low,
                high=high,
                group=group_of(years),
                presented_gender="male" if male > _SURE else "female",
                gender_confidence=max(male, 1 - male),
            ),
        )


def group_of(years: float) -> str:
    """The age group."""
    return next((name for beyond, name in GROUPS if years < beyond), OLDEST)


def _peak(ages: NDArray[np.float64]) -> float:
    best = np.argsort(-ages)[:_PEAK_BINS]
    return float(np.average(AGES[best], weights=ages[best]))


def _interval(ages: NDArray[np.float64], years: float) -> tuple[float, float]:
    """80 % interval of the pooled distribution, at least as wide as the network's error."""
    shares = np.cumsum(ages) / ages.sum()
    low, high = AGES[np.minimum(np.searchsorted(shares, (_TAIL, 1 - _TAIL)), len(AGES) - 1)]
    least = _SIGMAS * _NET_ERROR_YEARS
    return max(0.0, min(float(low), years - least)), max(float(high), years + least)


def _sum_up(ages: list[AgeDetail]) -> AgeSummary:
    persons = {age.person_id or -age.track_id: age for age in ages}
    if not persons:
        return AgeSummary()
    names = [*(name for _, name in GROUPS), OLDEST]
    counts = {name: sum(age.group == name for age in persons.values()) for name in names}
    return AgeSummary(
        groups=[Score(label=name, score=count / len(persons)) for name, count in counts.items() if count],
        youngest_years=min(age.years for age in persons.values()),
        oldest_years=max(age.years for age in persons.values()),
    )
