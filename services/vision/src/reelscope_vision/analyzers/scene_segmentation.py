"""Analyzer "scene_segmentation": shots of one place, or that go to and fro, as scenes."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from typing import Final

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.vision.v1.details_pb2 import SceneDetail, SceneSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.faces.face import FrameFaces
from reelscope_vision.features.objects import FrameObjects
from reelscope_vision.features.people import People
from reelscope_vision.scenes.grouping import Shot, places_of, scenes_of
from reelscope_vision.scenes.look import Look
from reelscope_vision.shots.transition import Transition

_INDOORS: Final = frozenset(
    {
        "bed",
        "couch",
        "toilet",
        "tv",
        "microwave",
        "oven",
        "toaster",
        "sink",
        "refrigerator",
        "keyboard",
        "mouse",
        "dining table",
    }
)
_OUTDOORS: Final = frozenset(
    {
        "traffic light",
        "fire hydrant",
        "stop sign",
        "parking meter",
        "car",
        "bus",
        "truck",
        "train",
        "boat",
        "airplane",
        "motorcycle",
        "bicycle",
        "skis",
        "snowboard",
        "surfboard",
        "kite",
        "horse",
        "sheep",
        "cow",
        "elephant",
        "bear",
        "zebra",
        "giraffe",
    }
)
"""Classes of COCO that are found in one of the two, nearly always."""

_SURE_SCORE: Final = 0.5
_LEAST_SHARE: Final = 0.25
"""By how much more of the looked-at frames show an object of the one kind than of the other."""


class SceneSegmentation(Analyzer):
    """One segment per scene, at the end of the clip; a scene that comes back keeps its number.

    Indoors or outdoors is told by objects that are found in one of them only. No network of the lite profile names places.
    """

    name = "scene_segmentation"
    version = "1"
    description = "Shots grouped into scenes by place and persons; indoors or outdoors where objects tell"
    detail = "scene"
    requires = ("shots", "looks")
    wants = ("objects", "face_tracks", "people")
    at_end = ("people",)
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._bounds_s: list[float] = [0.0]
        self._looks: list[tuple[float, Look]] = []
        self._object_times_s: list[float] = []
        self._objects: list[frozenset[str]] = []
        self._faces: list[tuple[float, frozenset[int]]] = []
        self._people = People({})
        self._end_s = 0.0
        self._scene_count = 0

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a transition, a look, or what is in a frame."""
        value = item.value
        self._end_s = max(self._end_s, item.end_s)
        if isinstance(value, Transition):
            if value.opens_shot and value.time_s > self._bounds_s[-1]:
                self._bounds_s.append(value.time_s)
        elif isinstance(value, Look):
            self._looks.append((item.time_s, value))
        elif isinstance(value, FrameObjects):
            self._object_times_s.append(item.time_s)
            self._objects.append(frozenset(one.label for one in value.detections if one.score >= _SURE_SCORE))
        elif isinstance(value, FrameFaces):
            self._faces.append((item.time_s, frozenset(face.track for face in value.faces)))
        elif isinstance(value, People):
            self._people = value
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all scenes, in order."""
        shots = self._shots()
        scenes = scenes_of(shots)
        places = places_of(shots, scenes)
        for scene, place in zip(scenes, places, strict=True):
            members = [shots[index] for index in scene]
            longest = max(members, key=lambda shot: shot.end_s - shot.start_s)
            setting, confidence = self._setting(members)
            yield Segment(
                start_s=members[0].start_s,
                end_s=members[-1].end_s,
                confidence=confidence,
                scene=SceneDetail(
                    scene_id=place + 1, shots=scene, setting=setting, thumbnail_time_s=(longest.start_s + longest.end_s) / 2
                ),
            )
        self._scene_count = len(set(places))

    def summary(self) -> Summary:
        """How many places, and how many shots."""
        return Summary(scene=SceneSummary(scene_count=self._scene_count, shot_count=len(self._bounds_s)))

    def _shots(self) -> list[Shot]:
        end_s = max(self._end_s, self.context.media.video.duration_s)
        shots = [Shot(start, end) for start, end in zip(self._bounds_s, [*self._bounds_s[1:], end_s], strict=True)]
        for time_s, look in self._looks:
            shots[self._at(time_s)].looks.append(look)
        for time_s, tracks in self._faces:
            known = {self._people.person_of[track] for track in tracks if track in self._people.person_of}
            shots[self._at(time_s)].persons |= known
        return shots

    def _at(self, time_s: float) -> int:
        return bisect.bisect_right(self._bounds_s, time_s) - 1

    def _setting(self, shots: Sequence[Shot]) -> tuple[str, float]:
        """Where the scene is, and how sure that is; unknown settings leave the scene itself sure."""
        spans = [[bisect.bisect_left(self._object_times_s, at) for at in (one.start_s, one.end_s)] for one in shots]
        seen = [labels for first, beyond in spans for labels in self._objects[first:beyond]]
        if not seen:
            return "", 0.5
        inside, outside = (sum(bool(labels & kind) for labels in seen) / len(seen) for kind in (_INDOORS, _OUTDOORS))
        if abs(inside - outside) < _LEAST_SHARE:
            return "", 0.5
        return ("indoor" if inside > outside else "outdoor"), 0.5 + abs(inside - outside) / 2
