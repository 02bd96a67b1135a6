"""Analyzer "face_detection": every face, followed through its shot, and who is the same person again."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import TimedBox
from reelscope.vision.v1.details_pb2 import FaceDetail, FaceSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.faces.face import Face, FrameFaces
from reelscope_vision.faces.geometry import head_pose
from reelscope_vision.features.face_traits import FaceTraits
from reelscope_vision.features.people import People
from reelscope_vision.tracking.boxes import box_message
from reelscope_vision.tracking.keyframes import keyframe_indices, smooth

_KEYFRAME_TOLERANCE = 0.01
"""Of the frame: how far a box drawn from the keyframes may be off."""

_SMOOTHING_S = 0.05
"""Width of the smoothing of boxes: a frame or two, for the mesh hardly trembles."""


_SEEN: Final = np.dtype([("time_s", "f8"), ("box", "f8", 4), ("score", "f8"), ("frontalness", "f8")])


@dataclass(slots=True)
class _Sighting:
    """One track as it grows; `rows` are numbers alone, `_SEEN` after `_SEEN`: a face may be in the picture for an hour."""

    start_s: float
    end_s: float = 0.0
    rows: array[float] = field(default_factory=lambda: array("d"))
    quality: float = 0.0
    best: float = -1.0
    thumbnail_time_s: float = 0.0


class FaceDetection(Analyzer):
    """One segment per face track, at the end of the clip: only then it is known who is who."""

    name = "face_detection"
    version = "2"
    description = "Faces in tracks with keyframed boxes, quality and frontalness; the same person again has the same id"
    detail = "face"
    stills = True
    requires = ("face_tracks", "face_traits", "people")
    at_end = ("people",)
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._sightings: dict[int, _Sighting] = {}
        self._people = People({})
        self._most = 0
        self._covered_s = 0.0
        self._clip_s = 0.0

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes the faces of a frame, the traits of one, or everybody's number."""
        match item.value:
            case FrameFaces():
                self._clip_s = item.end_s
                self._most = max(self._most, len(item.value.faces))
                self._covered_s += (item.end_s - item.time_s) if item.value.faces else 0.0
                for face in item.value.faces:
                    self._see(face, item.value.aspect, item)
            case FaceTraits():
                sighting = self._sightings[item.value.track]
                sighting.quality = max(sighting.quality, item.value.quality)
                if item.value.weight > sighting.best:
                    sighting.best, sighting.thumbnail_time_s = item.value.weight, item.time_s
            case People():
                self._people = item.value
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all tracks, in the order of their numbers."""
        return [self._segment(track, sighting) for track, sighting in sorted(self._sightings.items())]

    def summary(self) -> Summary:
        """Counts and screen time."""
        return Summary(
            face=FaceSummary(
                person_count=len(set(self._people.person_of.values())),
                track_count=len(self._sightings),
                max_simultaneous=self._most,
                screen_time_share=min(1.0, self._covered_s / self._clip_s) if self._clip_s > 0 else 0.0,
            )
        )

    def _see(self, face: Face, aspect: float, item: AnyItem) -> None:
        sighting = self._sightings.setdefault(face.track, _Sighting(item.time_s, thumbnail_time_s=item.time_s))
        sighting.end_s = item.end_s
        frontalness = head_pose(face.points, aspect).frontalness
        sighting.rows.extend((item.time_s, *face.box.tolist(), face.score * face.presence, frontalness))

    def _segment(self, track: int, sighting: _Sighting) -> Segment:
        seen = np.frombuffer(sighting.rows, _SEEN)
        times_s, scores = seen["time_s"], seen["score"]
        boxes = smooth(times_s, seen["box"], _SMOOTHING_S)
        keyframes = keyframe_indices(times_s, boxes, _KEYFRAME_TOLERANCE).tolist()
        return Segment(
            start_s=sighting.start_s,
            end_s=sighting.end_s,
            confidence=float(scores.mean()),
            face=FaceDetail(
                track_id=track,
                person_id=self._people.person_of.get(track, 0),
                boxes=[TimedBox(time_s=times_s[at], box=box_message(boxes[at]), confidence=scores[at]) for at in keyframes],
                quality=sighting.quality,
                frontalness=float(seen["frontalness"].mean()),
                thumbnail_time_s=sighting.thumbnail_time_s,
            ),
        )
