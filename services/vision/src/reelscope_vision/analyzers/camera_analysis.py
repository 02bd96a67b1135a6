"""Analyzer "camera_analysis": what the camera does, how fast, how steadily, and how close it is."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import Score
from reelscope.vision.v1.details_pb2 import CameraDetail, CameraSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.camera.flow import Flow
from reelscope_vision.camera.motion import Motion, Sample, believable, motions
from reelscope_vision.camera.shot_size import of_face, of_keypoints, shot_size
from reelscope_vision.faces.face import FrameFaces
from reelscope_vision.persons.person import FramePersons
from reelscope_vision.shots.transition import Transition
from reelscope_vision.tracking.shares import shares

_SEVERAL: Final = 2
"""Where so many people are in the picture and all of it grows, the camera comes nearer; one alone may lean forward."""

_FOLLOWED: Final = 0.35
"""A person who moves by less than this share of the background's motion is followed by the camera."""

_FOLLOWED_FAR: Final = 0.15
"""Frame widths (or heights) that the background must move meanwhile."""

_FOLLOWED_FRAMES: Final = 3

_BLIND: Final = 0.2
"""Confidence where the background is too plain to tell motion from rest: then it is called static."""

_HIDDEN: Final = 0.5
"""The same where it is hidden, but all of the picture zooms steadily."""

_STEADY_STEPS: Final = 8
_STEADY_SPREAD: Final = 0.3
_STEADY_SHARE: Final = 0.8
_LEAST_ZOOM: Final = 0.02
"""Steps of the flow, and the share of them whose growth a second is within so much of its median: an animated zoom is even to a
tenth, who leans forward starts and stops."""

_UNSEEN: Final = Motion("static", -math.inf, math.inf, 0.0, "", 0.0, {}, (0.0, 0.0))


@dataclass(frozen=True, slots=True)
class _Subject:
    """The nearest person in one frame: body's height over the frame's, and where the middle is, in frame sizes."""

    time_s: float
    body: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class _Shot:
    """What is between two transitions: its bounds, and each step of the flow within it with the time of its later picture."""

    start_s: float
    end_s: float
    steps: list[tuple[float, Flow]]

    @property
    def first_s(self) -> float:
        """Where its motion can be told from."""
        return next((flow.since_s for _, flow in (*self._known, *self.steps)), self.start_s)

    @property
    def last_s(self) -> float:
        """Where its motion can be told to."""
        return next((time_s for time_s, _ in reversed(self._known or self.steps)), self.end_s)

    @property
    def _known(self) -> list[tuple[float, Flow]]:
        return [(time_s, flow) for time_s, flow in self.steps if flow.known]


class CameraAnalysis(Analyzer):
    """One segment per shot and stretch of one motion, at the end of the clip.

    Motion is that of the background: persons are left out, and nothing is measured over a cut or within a dissolve or fade.
    The size of a shot is that of its nearest person; without any it is not known.
    """

    name = "camera_analysis"
    version = "1"
    description = "Camera motion with speed and shake, measured on the background; shot size"
    detail = "camera"
    requires = ("shots", "flow")
    wants = ("face_tracks", "person_tracks")
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._steps: list[tuple[float, Flow]] = []
        self._transitions: list[Transition] = []
        self._subjects: list[_Subject] = []
        self._people: list[tuple[float, int]] = []
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._sizes: defaultdict[str, float] = defaultdict(float)
        self._shaken = 0.0

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a transition, a step of the flow, or who is in a frame."""
        value = item.value
        if isinstance(value, Transition):
            self._transitions.append(value)
        elif isinstance(value, Flow):
            self._steps.append((item.time_s, value))
        elif isinstance(value, FrameFaces):
            self._meet(item.time_s, [(of_face(face.box[3]), face.box) for face in value.faces])
        elif isinstance(value, FramePersons):
            bodies = [(of_keypoints(person.keypoints, value.aspect), person.box) for person in value.persons]
            self._meet(item.time_s, [(body or 0.0, box) for body, box in bodies])
        return ()

    def _meet(self, time_s: float, bodies: Sequence[tuple[float, NDArray[np.float64]]]) -> None:
        self._people.append((time_s, len(bodies)))
        body, box = max(bodies, key=lambda one: one[0], default=(0.0, np.zeros(4)))
        if body > 0:
            self._subjects.append(_Subject(time_s, body, float(box[0] + box[2] / 2), float(box[1] + box[3] / 2)))

    def flush(self) -> Iterable[Segment]:
        """Gives all segments, in order."""
        for shot in self._shots():
            for motion in motions(self._samples(shot)) or [_UNSEEN]:
                start_s = shot.start_s if motion.start_s <= shot.first_s else motion.start_s
                end_s = shot.end_s if motion.end_s >= shot.last_s else motion.end_s
                yield self._segment(replace(motion, start_s=start_s, end_s=end_s), shot)

    def summary(self) -> Summary:
        """The motion that lasts longest, and all shares."""
        return Summary(
            camera=CameraSummary(
                dominant_motion=max(self._seconds, key=lambda name: self._seconds[name], default="static"),
                motion_shares=shares(self._seconds),
                shot_size_shares=shares(self._sizes),
                shake=math.sqrt(self._shaken / total) if (total := sum(self._seconds.values())) > 0 else 0.0,
            )
        )

    def _shots(self) -> list[_Shot]:
        """The steps of each shot; those that touch a transition belong to none."""
        media = self.context.media
        shots: list[_Shot] = []
        start_s, at = 0.0, 0
        for one in (*self._transitions, None):
            end_s = one.start_s if one else max(media.video.duration_s or media.duration_s, start_s)
            steps = []
            while at < len(self._steps) and self._steps[at][0] < end_s:
                if self._steps[at][1].since_s >= start_s:
                    steps.append(self._steps[at])
                at += 1
            if end_s > start_s:
                shots.append(_Shot(start_s, end_s, steps))
            if one:
                start_s = one.end_s if one.first_frame < one.last_frame else one.time_s
        return shots

    def _samples(self, shot: _Shot) -> list[Sample]:
        crowded = self._is_crowded(shot)
        samples = []
        for time_s, flow in shot.steps:
            rates = np.array([flow.x, flow.y, flow.growth if crowded else flow.zoom, flow.roll])
            if flow.known and believable(rates, flow.aspect):
                samples.append(Sample(flow.since_s, time_s, rates, flow.aspect))
        return samples or _steady_zoom(shot.steps)

    def _is_crowded(self, shot: _Shot) -> bool:
        low, high = (bisect_left(self._people, at, key=itemgetter(0)) for at in (shot.start_s, shot.end_s))
        counts = [count for _, count in self._people[low:high] if count]
        return bool(counts) and float(np.median(counts)) >= _SEVERAL

    def _segment(self, motion: Motion, shot: _Shot) -> Segment:
        span = slice(*(bisect_right(shot.steps, at, key=itemgetter(0)) for at in (motion.start_s, motion.end_s)))
        inside = [flow for _, flow in shot.steps[span]]
        span = slice(*(bisect_left(self._subjects, at, key=attrgetter("time_s")) for at in (motion.start_s, motion.end_s)))
        subjects = self._subjects[span]
        name = "tracking" if _is_followed(motion, subjects) else motion.name
        seconds = motion.end_s - motion.start_s
        self._seconds[name] += seconds
        self._shaken += motion.shake**2 * seconds
        size = Counter(shot_size(one.body) for one in subjects).most_common(1)
        if size:
            self._sizes[size[0][0]] += seconds
        known = [flow.support for flow in inside if flow.known]
        strongest = max(motion.components.values(), default=1.0)
        return Segment(
            start_s=motion.start_s,
            end_s=motion.end_s,
            confidence=float(np.mean(known)) * len(known) / len(inside) if known else _BLIND if name == "static" else _HIDDEN,
            camera=CameraDetail(
                motion=name,
                speed=motion.speed,
                speed_unit=motion.unit,
                shake=motion.shake,
                shot_size=size[0][0] if size else "",
                components=[
                    Score(label=label, score=value / strongest)
                    for label, value in sorted(motion.components.items(), key=lambda pair: -pair[1])
                ],
            ),
        )


def _steady_zoom(steps: Sequence[tuple[float, Flow]]) -> list[Sample]:
    """The zoom of a shot whose background people hide: all of the picture grows more evenly than people come nearer."""
    growths = np.array([flow.growth for _, flow in steps])
    if len(growths) < _STEADY_STEPS:
        return []
    usual = float(np.median(growths))
    steady = np.abs(growths - usual) <= max(_STEADY_SPREAD * abs(usual), _LEAST_ZOOM / 2)
    if abs(usual) < _LEAST_ZOOM or float(steady.mean()) < _STEADY_SHARE:
        return []
    return [Sample(flow.since_s, time_s, np.array([0.0, 0.0, usual, 0.0]), flow.aspect) for time_s, flow in steps]


def _is_followed(motion: Motion, subjects: Sequence[_Subject]) -> bool:
    """Whether the camera moves so that a person stays where he is in the picture."""
    seconds = motion.end_s - motion.start_s
    if not motion.name.startswith(("pan", "tilt")) or len(subjects) < _FOLLOWED_FRAMES:
        return False
    if subjects[-1].time_s - subjects[0].time_s < seconds / 2:
        return False
    axis = 0 if motion.name.startswith("pan") else 1
    if abs(motion.shift[axis]) * seconds < _FOLLOWED_FAR:
        return False
    times = np.array([one.time_s for one in subjects])
    places = np.array([(one.x, one.y)[axis] for one in subjects])
    return abs(float(np.polyfit(times, places, 1)[0])) < _FOLLOWED * abs(motion.shift[axis])
