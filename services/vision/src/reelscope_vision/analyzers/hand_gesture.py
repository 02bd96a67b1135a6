"""Analyzer "hand_gesture": hands in tracks, with their landmarks and what they show."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, Final

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import Point, Score
from reelscope.vision.v1.details_pb2 import HandDetail, HandSummary, TimedHand
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.hands.follower import MAX_LOST_S
from reelscope_vision.hands.gestures import gesture_of
from reelscope_vision.hands.hand import FrameHands, Hand
from reelscope_vision.nets.hand_landmark import WRIST
from reelscope_vision.nets.movenet import KEYPOINTS
from reelscope_vision.persons.person import FramePersons
from reelscope_vision.tracking.boxes import box_message
from reelscope_vision.tracking.keyframes import keyframe_indices
from reelscope_vision.tracking.stretches import stretches

_LEAST_S: Final = 0.25
"""A gesture that is held for less was passed through."""

_MOSTLY: Final = 0.6
"""Share of a stretch's samples that must show its gesture: what flickers between several is none of them."""

_KEYFRAME_TOLERANCE: Final = 0.015
"""Of the frame: how far a hand drawn from the keyframes may be off."""

_SIDE_SURE: Final = 0.15
"""Distance of the mean from 0.5 from which a hand is called left or right."""

_WRISTS: Final = (KEYPOINTS.index("left_wrist"), KEYPOINTS.index("right_wrist"))
_NEAR: Final = 0.75
"""Hand sizes from a skeleton's wrist up to which the hand is that person's."""

_WRIST_SEEN: Final = 0.3


@dataclass(slots=True)
class _Track:
    """One hand as it grows."""

    times_s: list[float] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    hands: list[Hand] = field(default_factory=list)
    gestures: list[str] = field(default_factory=list)
    persons: Counter[int] = field(default_factory=Counter)

    def runs(self) -> list[tuple[int, int]]:
        """First samples, and those after the last, of the times in which the hand is seen without a longer gap."""
        gaps = [at for at in range(1, len(self.times_s)) if self.times_s[at] - self.ends_s[at - 1] > MAX_LOST_S]
        return list(pairwise([0, *gaps, len(self.times_s)]))


class HandGesture(Analyzer):
    """One segment per hand and stretch of one gesture, at the end of the clip."""

    name = "hand_gesture"
    version = "2"
    description = "Hands with 21 landmarks in tracks, left or right, whose they are, and their gestures by finger rules"
    detail = "hand"
    stills: ClassVar[bool] = True
    requires = ("hand_tracks",)
    wants = ("person_tracks",)
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._tracks: dict[int, _Track] = {}
        self._persons: FramePersons | None = None
        self._most = 0
        self._end_s = 0.0
        self._shown_s = 0.0
        self._gesture_s: defaultdict[str, float] = defaultdict(float)

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes the hands of a frame, or its persons."""
        if isinstance(item.value, FramePersons):
            self._persons = item.value
            return ()
        frame: FrameHands = item.value
        self._shown_s += item.end_s - item.time_s if frame.hands else 0.0
        self._end_s = item.end_s
        self._most = max(self._most, len(frame.hands))
        for hand in frame.hands:
            track = self._tracks.setdefault(hand.track, _Track())
            track.times_s.append(item.time_s)
            track.ends_s.append(item.end_s)
            track.hands.append(hand)
            track.gestures.append(gesture_of(hand.points * (frame.aspect, 1.0, frame.aspect)))
            if owner := _owner(hand, self._persons, frame.aspect):
                track.persons[owner] += 1
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all tracks, in the order of their numbers."""
        for number, track in sorted(self._tracks.items()):
            for first, beyond in track.runs():
                gestures, starts_s, ends_s = (
                    track.gestures[first:beyond],
                    track.times_s[first:beyond],
                    track.ends_s[first:beyond],
                )
                for stretch in stretches(gestures, ends_s, starts_s, min(_LEAST_S, ends_s[-1] - starts_s[0])):
                    span = slice(first + stretch.first, first + stretch.beyond)
                    mostly = track.gestures[span].count(stretch.state) >= _MOSTLY * (span.stop - span.start)
                    yield self._segment(number, track, span, stretch.state if mostly else "none")

    def summary(self) -> Summary:
        """How many hands at once, and the shares of the gestures."""
        total = sum(self._gesture_s.values())
        shares = sorted(self._gesture_s.items(), key=lambda pair: -pair[1])
        duration_s = max(self.context.media.video.duration_s, self._end_s)
        return Summary(
            hand=HandSummary(
                max_simultaneous=self._most,
                gesture_shares=[Score(label=name, score=seconds / total) for name, seconds in shares if total > 0],
                screen_time_share=min(1.0, self._shown_s / duration_s) if duration_s > 0 else 0.0,
            )
        )

    def _segment(self, number: int, track: _Track, span: slice, gesture: str) -> Segment:
        hands, times_s = track.hands[span], track.times_s[span]
        start_s, end_s = times_s[0], track.ends_s[span.stop - 1]
        self._gesture_s[gesture] += end_s - start_s
        agree = track.gestures[span].count(gesture) / len(hands)
        owner = track.persons.most_common(1)
        return Segment(
            start_s=start_s,
            end_s=end_s,
            confidence=float(np.mean([hand.presence for hand in hands])) * agree,
            hand=HandDetail(
                track_id=number,
                handedness=_side([hand.left for hand in track.hands]),
                gesture=gesture,
                hands=[_timed(times_s[at], hands[at]) for at in _keyframes(times_s, hands)],
                person_track_id=owner[0][0] if owner else 0,
            ),
        )


def _owner(hand: Hand, frame: FramePersons | None, aspect: float) -> int:
    """Track of the person whose wrist is at the hand's; 0 where none is."""
    if frame is None:
        return 0
    unit = np.array([aspect, 1.0])
    size = float((hand.box[2:] * unit).max())
    best = (_NEAR * size, 0)
    for person in frame.persons:
        for wrist in _WRISTS:
            if person.keypoints[wrist, 2] >= _WRIST_SEEN:
                apart = float(np.linalg.norm((person.keypoints[wrist, :2] - hand.points[WRIST, :2]) * unit))
                best = min(best, (apart, person.track))
    return best[1]


def _side(left: Sequence[float]) -> str:
    mean = float(np.mean(left))
    if abs(mean - 0.5) < _SIDE_SURE:
        return "unknown"
    return "left" if mean > 0.5 else "right"  # noqa: PLR2004 - even chances


def _keyframes(times_s: Sequence[float], hands: Sequence[Hand]) -> list[int]:
    boxes = np.array([hand.box for hand in hands])
    return [int(index) for index in keyframe_indices(np.array(times_s), boxes, _KEYFRAME_TOLERANCE)]


def _timed(time_s: float, hand: Hand) -> TimedHand:
    return TimedHand(
        time_s=time_s, landmarks=[Point(x=float(x), y=float(y)) for x, y, _ in hand.points], box=box_message(hand.box)
    )
