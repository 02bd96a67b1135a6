"""Analyzer "body_language": what bodies tell without words, by rules that the result names."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.vision.v1.details_pb2 import BodyLanguageDetail, BodyLanguageSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.bodylanguage.arms import TOUCHES
from reelscope_vision.bodylanguage.body import Body
from reelscope_vision.bodylanguage.phases import Phase, phases
from reelscope_vision.bodylanguage.reading import Readings, read
from reelscope_vision.bodylanguage.strokes import strokes, together
from reelscope_vision.faces.face import Face, FrameFaces
from reelscope_vision.hands.hand import FrameHands
from reelscope_vision.nets.movenet import SIZE
from reelscope_vision.persons.person import FramePersons, Person
from reelscope_vision.persons.skeleton import NOSE
from reelscope_vision.tracking.shares import shares

_FRESH_S: Final = 0.1
"""Faces and hands of a picture so near are the person's own."""

_LEAST_HANDS_S: Final = 1.0
"""Time in which a hand is seen, for the rate of its strokes to mean anything."""

_LONGEST_STEP_S: Final = 0.5
"""Between two pictures over which a speed is measured."""

_JITTER: Final = 1.2
"""Pixels of the network's input by which the wrist of somebody who rests jitters, measured on people who sit still."""

_BOTH_ARMS_SEEN: Final = frozenset({"camera", "away"})
"""Facings in which both arms are seen beside the body."""


@dataclass(slots=True)
class _Track:
    """One person as he or she goes on."""

    readings: list[Readings] = field(default_factory=list)
    before: tuple[float, NDArray[np.float64]] | None = None


class BodyLanguage(Analyzer):
    """One segment per person and stretch of one facing, lean and hold of the arms, at the end of the clip.

    Tracks are those of "body_pose". Rules are of the picture: a lean towards the camera is not seen, and a hand before the face
    counts as at the face.
    """

    name = "body_language"
    version = "1"
    description = "Openness, lean, facing, self-touch, hand strokes and energy of each person, with the rules that spoke"
    detail = "body"
    stills: ClassVar[bool] = True
    requires = ("person_tracks",)
    wants = ("face_tracks", "hand_tracks")
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._tracks: defaultdict[int, _Track] = defaultdict(_Track)
        self._waiting: AnyItem | None = None
        self._faces: deque[AnyItem] = deque(maxlen=8)
        self._hands: deque[AnyItem] = deque(maxlen=4)
        video = context.media.video
        self._jitter = _JITTER / SIZE * max(1.0, video.width / max(1, video.height))
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._known_s: defaultdict[str, float] = defaultdict(float)
        self._facing_s: defaultdict[str, float] = defaultdict(float)
        self._lean_s: defaultdict[str, float] = defaultdict(float)

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes the persons, faces or hands of a picture; persons wait until the others of their picture have come."""
        if isinstance(item.value, FrameFaces):
            self._faces.append(item)
        elif isinstance(item.value, FrameHands):
            self._hands.append(item)
        else:
            self._read()
            self._waiting = item
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all tracks, in the order of their numbers."""
        self._read()
        for number, track in sorted(self._tracks.items()):
            readings = np.concatenate(track.readings)
            wrists, units = readings["wrists"].astype(np.float64), readings["unit"].astype(np.float64)
            moments = together([strokes(readings["time_s"], wrists[:, side], units, jitter=self._jitter) for side in (0, 1)])
            for phase in phases(readings):
                yield self._segment(number, phase, moments)

    def summary(self) -> Summary:
        """Means over all persons."""
        found = BodyLanguageSummary(facing_shares=shares(self._facing_s), lean_shares=shares(self._lean_s))
        for name, total in self._sums.items():
            setattr(found, name, total / self._known_s[name])
        return Summary(body=found)

    def _read(self) -> None:
        """Reads the waiting picture."""
        item, self._waiting = self._waiting, None
        if item is None:
            return
        frame: FramePersons = item.value
        faces = _nearest(self._faces, item.time_s)
        hands = _nearest(self._hands, item.time_s)
        for person in frame.persons:
            track = self._tracks[person.track]
            if track.readings:
                last = track.readings[-1]
                if item.time_s - float(last["time_s"][0]) > _LONGEST_STEP_S:
                    track.before = None
            face = _face_of(person, faces.value.faces if faces else ())
            body = Body.of(person, face, hands.value.hands if hands else (), frame.aspect)
            track.readings.append(read(body, time_s=item.time_s, end_s=item.end_s, score=person.score, before=track.before))
            track.before = (item.time_s, body.points) if body is not None else None

    def _segment(self, number: int, phase: Phase, moments: Sequence[float]) -> Segment:
        readings = phase.readings
        start_s, end_s = float(readings["time_s"][0]), float(readings["end_s"][-1])
        seconds = readings["end_s"] - readings["time_s"]
        hands_s = float(seconds[readings["has_hands"]].sum())
        inside = [moment for moment in moments if start_s <= moment < end_s]
        detail = BodyLanguageDetail(
            track_id=number,
            lean=phase.lean,
            facing=phase.facing,
            self_touch=phase.hold in TOUCHES,
            energy=_mean(readings["speed"]) or 0.0,
            hands_visible_share=hands_s / max(float(seconds.sum()), 1e-9),
            strokes=inside,
            rules=[*phase.rules, *(["hand_strokes"] if inside else [])],
        )
        # A still picture may have no duration at all.
        lasts_s = max(end_s - start_s, 1e-3)
        self._count("energy", detail.energy, lasts_s)
        self._count("self_touch_share", float(detail.self_touch), lasts_s)
        if (open_by := _mean(readings["openness"])) is not None and phase.facing in _BOTH_ARMS_SEEN:
            detail.openness = open_by
            self._count("openness", open_by, lasts_s)
        if not np.isnan(readings["lean_degrees"]).all():
            detail.lean_degrees = float(np.nanmedian(readings["lean_degrees"]))
        if hands_s >= _LEAST_HANDS_S:
            detail.gesticulation_rate = 60 * len(inside) / hands_s
            self._count("gesticulation_rate", detail.gesticulation_rate, hands_s)
        self._facing_s[phase.facing] += lasts_s
        self._lean_s[phase.lean] += lasts_s
        return Segment(start_s=start_s, end_s=end_s, confidence=float(readings["score"].mean()), body=detail)

    def _count(self, name: str, value: float, seconds: float) -> None:
        self._sums[name] += value * seconds
        self._known_s[name] += seconds


def _nearest(items: Iterable[AnyItem], time_s: float) -> AnyItem | None:
    """The item of the same moment, or nearly."""
    near = [item for item in items if abs(item.time_s - time_s) <= _FRESH_S]
    return min(near, key=lambda item: abs(item.time_s - time_s), default=None)


def _face_of(person: Person, faces: Sequence[Face]) -> Face | None:
    """The face in which the person's nose is, the largest."""
    x, y = person.keypoints[NOSE, :2]
    own = [face for face in faces if 0 <= x - face.box[0] <= face.box[2] and 0 <= y - face.box[1] <= face.box[3]]
    return max(own, key=lambda face: float(face.box[3]), default=None)


def _mean(values: NDArray[np.float32]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
