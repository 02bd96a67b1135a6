"""Analyzer "body_pose": skeletons in tracks, postures, actions and repetitions by rule."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import Keypoint, Point
from reelscope.vision.v1.details_pb2 import ActionCount, PoseAction, PoseDetail, PoseSummary, TimedPose
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.nets.movenet import KEYPOINTS
from reelscope_vision.persons.actions import Action, actions
from reelscope_vision.persons.person import FramePersons, Person
from reelscope_vision.persons.postures import postures
from reelscope_vision.persons.skeleton import Skeleton, energy, skeleton
from reelscope_vision.tracking.boxes import box_message
from reelscope_vision.tracking.keyframes import keyframe_indices
from reelscope_vision.tracking.shares import shares

REPEATABLE: Final = ("squat", "jump", "clap")
"""Actions whose number means something."""

_KEYFRAME_TOLERANCE: Final = 0.015
"""Of the frame: how far a keypoint drawn from the keyframes may be off."""


@dataclass(slots=True)
class _Track:
    """One person as it grows; `skeletons` has None where the torso was not seen."""

    start_s: float
    times_s: list[float] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    persons: list[Person] = field(default_factory=list)
    skeletons: list[Skeleton | None] = field(default_factory=list)


class BodyPose(Analyzer):
    """One segment per track and stretch of one posture, at the end of the clip, with the actions that begin in it."""

    name = "body_pose"
    version = "1"
    description = "Persons with 17 keypoints in tracks; postures, actions and repetitions by rule; motion energy"
    detail = "pose"
    stills: ClassVar[bool] = True
    requires = ("person_tracks",)
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._tracks: dict[int, _Track] = {}
        self._most = 0
        self._posture_s: defaultdict[str, float] = defaultdict(float)
        self._counts: Counter[str] = Counter()

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes the persons of one frame."""
        frame: FramePersons = item.value
        self._most = max(self._most, len(frame.persons))
        for person in frame.persons:
            track = self._tracks.setdefault(person.track, _Track(item.time_s))
            track.times_s.append(item.time_s)
            track.ends_s.append(item.end_s)
            track.persons.append(person)
            track.skeletons.append(skeleton(item.time_s, person.keypoints, frame.aspect))
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all tracks, in the order of their numbers."""
        for number, track in sorted(self._tracks.items()):
            yield from self._segments(number, track)

    def summary(self) -> Summary:
        """Persons, shares of the postures, and how often each action was done."""
        return Summary(
            pose=PoseSummary(
                track_count=len(self._tracks),
                max_simultaneous=self._most,
                posture_shares=shares(self._posture_s),
                actions=[ActionCount(name=name, repetitions=count) for name, count in sorted(self._counts.items())],
            )
        )

    def _segments(self, number: int, track: _Track) -> Iterable[Segment]:
        seen = [at for at, one in enumerate(track.skeletons) if one is not None]
        skeletons = [one for one in track.skeletons if one is not None]
        done = actions(skeletons)
        self._counts.update(action.name for action in done)
        repetitions = max((sum(action.name == name for action in done) for name in REPEATABLE), default=0)
        if not seen:
            yield self._segment(number, track, slice(0, len(track.times_s)), posture="unknown")
            return
        ends_s = [track.ends_s[at] for at in seen]
        found = postures(skeletons, ends_s)
        for index, stretch in enumerate(found):
            first = 0 if index == 0 else seen[stretch.first]
            beyond = len(track.times_s) if index == len(found) - 1 else seen[found[index + 1].first]
            start_s, end_s = track.times_s[first], track.ends_s[beyond - 1]
            inside = [action for action in done if start_s <= action.start_s < end_s]
            span = slice(first, beyond)
            yield self._segment(number, track, span, posture=stretch.state, done=inside, repetitions=repetitions)

    def _segment(
        self, number: int, track: _Track, span: slice, *, posture: str, done: Sequence[Action] = (), repetitions: int = 0
    ) -> Segment:
        persons, times_s = track.persons[span], track.times_s[span]
        start_s, end_s = times_s[0], track.ends_s[span.stop - 1]
        self._posture_s[posture] += end_s - start_s
        return Segment(
            start_s=start_s,
            end_s=end_s,
            confidence=float(np.mean([person.score for person in persons])),
            pose=PoseDetail(
                track_id=number,
                posture=posture,
                actions=[
                    PoseAction(name=one.name, start_s=one.start_s, end_s=one.end_s, confidence=one.confidence) for one in done
                ],
                repetitions=repetitions,
                poses=[_pose(times_s[at], persons[at]) for at in _keyframes(times_s, persons)],
                motion_energy=energy([one for one in track.skeletons[span] if one is not None]),
            ),
        )


def _pose(time_s: float, person: Person) -> TimedPose:
    return TimedPose(
        time_s=time_s,
        keypoints=[
            Keypoint(name=name, point=Point(x=float(x), y=float(y)), confidence=float(np.clip(score, 0, 1)))
            for name, (x, y, score) in zip(KEYPOINTS, person.keypoints, strict=True)
        ],
        box=box_message(person.box),
    )


def _keyframes(times_s: Sequence[float], persons: Sequence[Person]) -> list[int]:
    """Frames between which all keypoints move straight on: those of the box of every limb are kept."""
    times = np.array(times_s)
    kept: set[int] = set()
    points = np.array([person.keypoints[:, :2] for person in persons])
    # Two points make a box's corner and size: one Douglas-Peucker run for each pair of keypoints.
    for low in range(0, points.shape[1] - 1, 2):
        pairs = np.concatenate([points[:, low], points[:, low + 1] - points[:, low]], axis=1)
        kept.update(keyframe_indices(times, pairs, _KEYFRAME_TOLERANCE).tolist())
    return sorted(kept)
