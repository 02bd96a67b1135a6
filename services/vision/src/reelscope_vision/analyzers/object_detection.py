"""Analyzer "object_detection": the objects of the clip, each followed through the time that it is seen."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import TimedBox
from reelscope.vision.v1.details_pb2 import ObjectDetail, ObjectLabelSummary, ObjectSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_runtime.models.nets.nanodet import Detection
from reelscope_vision.features.objects import LEAST_SCORE, SAMPLED_RATE, FrameObjects
from reelscope_vision.sampling.ending import shown_until
from reelscope_vision.shots.transition import Transition
from reelscope_vision.tracking.boxes import box_message, iou
from reelscope_vision.tracking.keyframes import keyframe_indices, smooth
from reelscope_vision.tracking.tracker import UNTRACKED, Tracker, TrackerSettings

_TRACKER = TrackerSettings(high_score=0.45, low_score=LEAST_SCORE, start_score=0.45, max_gap_s=2.0)
"""NanoDet's scores are low for what they mean: its published threshold is 0.4, and half of the true boxes lie below 0.6."""

LEAST_DURATION_S = 0.5
"""A track that is seen for less is dropped: three frames at the sampled rate."""

LEAST_CONFIDENCE = 0.42
"""Mean score below which a track is dropped."""

_SAME_OBJECT = 0.75
"""Two boxes of different classes that overlap more are one object with two guesses (car and truck); a rider and a bicycle
overlap by half."""

_KEYFRAME_TOLERANCE = 0.015
"""Of the frame: how far a box drawn from the keyframes may be off."""

_SMOOTHING_S = 0.15
"""Width of the smoothing of boxes: less than one sample apart, enough for the jitter of the detector's bins."""


@dataclass(slots=True)
class _Sighting:
    """One track as it grows. `identity` is 0 until it has proved itself."""

    start_s: float
    end_s: float = 0.0
    identity: int = 0
    times_s: list[float] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    votes: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def confidence(self) -> float:
        return sum(self.scores) / len(self.scores)

    @property
    def label(self) -> str:
        return max(self.votes, key=self.votes.__getitem__)


class ObjectDetection(Analyzer):
    """One segment per track, when the track is over: lost for 2 s, or cut off.

    Tracks are numbered from 1 in the order in which they prove themselves, by lasting and by their scores.
    """

    name = "object_detection"
    version = "3"
    description = "Objects of the 80 COCO classes, tracked, with keyframed boxes and screen time"
    detail = "object"
    stills = True
    # Shots first: of a cut and a frame at the same time, the frame belongs to the new shot.
    requires = ("shots", "objects")
    # A track may be as long as the clip.
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._tracker = Tracker(_TRACKER)
        self._open: dict[int, _Sighting] = {}
        self._kept = 0
        self._intervals: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        self._cut_s: float | None = 0.0
        self._last: AnyItem | None = None
        # Nothing lasts in a picture, or in a clip of a moment.
        self._is_short = context.media.video.duration_s < LEAST_DURATION_S

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a transition or the objects of a frame."""
        if item.source == "shots":
            transition: Transition = item.value
            if transition.ends_tracks:
                yield from self._cut(transition.time_s)
            return
        objects: FrameObjects = item.value
        groups = _without_doubles(objects.detections)
        detections = [group[0] for group in groups]
        update = self._tracker.update(
            item.time_s,
            np.array([_corner_box(one) for one in detections]).reshape(-1, 4),
            np.array([one.score for one in detections]),
            np.array([one.index for one in detections], np.int64),
        )
        yield from self._finish(update.ended)
        for identity, group in zip(update.ids.tolist(), groups, strict=True):
            if identity != UNTRACKED:
                self._see(identity, group, item)
        self._cut_s, self._last = None, item

    def flush(self) -> Iterable[Segment]:
        """Gives the tracks that last to the end."""
        if self._last is not None:
            yield from self._cut(shown_until(self._last.end_s, SAMPLED_RATE, self.context.media.video.duration_s))

    def summary(self) -> Summary:
        """Counts and screen time by label, most seen first."""
        labels = [
            ObjectLabelSummary(
                label=label,
                tracks=len(intervals),
                max_simultaneous=_most_at_once(intervals),
                screen_time_s=_covered_s(intervals),
            )
            for label, intervals in self._intervals.items()
        ]
        labels.sort(key=lambda one: (-one.screen_time_s, one.label))
        return Summary(object=ObjectSummary(labels=labels, track_count=sum(one.tracks for one in labels)))

    def _see(self, identity: int, group: list[Detection], item: AnyItem) -> None:
        sighting = self._open.get(identity)
        if sighting is None:
            # What is there in the first sampled frame of a shot has been there since the cut.
            sighting = self._open[identity] = _Sighting(item.time_s if self._cut_s is None else self._cut_s)
        sighting.end_s = item.end_s
        sighting.times_s.append(item.time_s)
        sighting.boxes.append(_corner_box(group[0]))
        sighting.scores.append(group[0].score)
        for guess in group:
            sighting.votes[guess.label] += guess.score
        lasts = sighting.end_s - sighting.times_s[0] >= LEAST_DURATION_S and len(sighting.times_s) > 1
        lasts |= self._is_short
        if not sighting.identity and lasts and sighting.confidence >= LEAST_CONFIDENCE:
            self._kept += 1
            sighting.identity = self._kept

    def _cut(self, time_s: float) -> Iterable[Segment]:
        """Ends every track; those seen in the last sampled frame were there until the cut."""
        for sighting in self._open.values():
            if self._last is not None and sighting.times_s[-1] == self._last.time_s:
                sighting.end_s = max(sighting.end_s, time_s)
        self._cut_s = time_s
        yield from self._finish(self._tracker.reset())

    def _finish(self, identities: Iterable[int]) -> Iterable[Segment]:
        ended = [self._open.pop(identity) for identity in identities if identity in self._open]
        for sighting in sorted(ended, key=lambda one: one.identity):
            if sighting.identity:
                self._intervals[sighting.label].append((sighting.start_s, sighting.end_s))
                yield _segment(sighting)


def _segment(sighting: _Sighting) -> Segment:
    times_s, boxes = np.array(sighting.times_s), np.array(sighting.boxes)
    boxes = smooth(times_s, boxes, _SMOOTHING_S)
    keyframes = keyframe_indices(times_s, boxes, _KEYFRAME_TOLERANCE)
    return Segment(
        start_s=sighting.start_s,
        end_s=sighting.end_s,
        confidence=sighting.confidence,
        object=ObjectDetail(
            label=sighting.label,
            track_id=sighting.identity,
            boxes=[
                TimedBox(time_s=times_s[at], box=box_message(boxes[at]), confidence=sighting.scores[at])
                for at in keyframes.tolist()
            ],
            area_share=float(boxes[:, 2:].prod(axis=1).mean()),
        ),
    )


def _corner_box(detection: Detection) -> tuple[float, float, float, float]:
    return detection.x, detection.y, detection.width, detection.height


def _without_doubles(detections: tuple[Detection, ...]) -> list[list[Detection]]:
    """Groups of detections in the same place, which are of different classes; in each the best score first."""
    if not detections:
        return []
    boxes = np.array([_corner_box(one) for one in detections])
    overlap = iou(boxes, boxes) > _SAME_OBJECT
    groups: dict[int, list[Detection]] = {}
    for index, detection in enumerate(detections):
        better = next((kept for kept in groups if overlap[kept, index]), index)
        groups.setdefault(better, []).append(detection)
    return list(groups.values())


def _most_at_once(intervals: list[tuple[float, float]]) -> int:
    changes = sorted([(start, 1) for start, _ in intervals] + [(end, -1) for _, end in intervals])
    return int(np.cumsum([change for _, change in changes]).max(initial=0))


def _covered_s(intervals: list[tuple[float, float]]) -> float:
    covered = until = 0.0
    for start, end in sorted(intervals):
        covered += max(0.0, end - max(start, until))
        until = max(until, end)
    return covered
