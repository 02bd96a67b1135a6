"""Analyzer "face_emotion": which emotion a face shows, smoothed over its track, and where it changes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import Score
from reelscope.vision.v1.details_pb2 import FaceEmotionDetail, FaceEmotionSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.faces.face import FrameFaces
from reelscope_vision.features.face_emotions import FaceEmotions
from reelscope_vision.nets.emotion import EMOTIONS
from reelscope_vision.tracking.stretches import stretches

SMOOTHING_S: Final = 0.4
"""Standard deviation of the smoothing: expressions last 0.5-4 s (Ekman, 2003); the networks flicker with every syllable."""

LEAST_STRETCH_S: Final = 0.6
"""A shorter change of the dominant emotion is not told: little more than the smoothing leaves of a moment's flicker."""

LEAST_PROBABILITY: Final = 0.5
"""Below, it is "uncertain": of two networks whose mean this is, at most one says so."""

KEPT_PROBABILITY: Final = 0.4
"""An emotion that was told stays down to this: a talker's mouth weakens a smile without ending it."""

UNCERTAIN: Final = "uncertain"

_VALENCE: Final = {
    "happy": 0.81,
    "surprise": 0.17,
    "neutral": 0.0,
    "sad": -0.63,
    "angry": -0.43,
    "fear": -0.64,
    "disgust": -0.60,
}
_AROUSAL: Final = {"happy": 0.51, "surprise": 0.67, "neutral": 0.0, "sad": -0.27, "angry": 0.67, "fear": 0.60, "disgust": 0.35}
"""Where the words lie on the circumplex, in [-1,1] (Russell & Mehrabian, Journal of Research in Personality 1977)."""


@dataclass(slots=True)
class _Track:
    """What was read in one face."""

    start_s: float
    end_s: float
    times_s: list[float] = field(default_factory=list)
    probabilities: list[NDArray[np.float64]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)


class FaceEmotion(Analyzer):
    """One segment per track and stretch of one dominant emotion."""

    name = "face_emotion"
    version = "1"
    description = "Emotion shown by each face: probabilities, dominant one, changes, valence and arousal"
    detail = "emotion"
    stills = True
    requires = ("face_tracks", "face_emotions")
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._tracks: dict[int, _Track] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._changes = 0

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes the faces of a frame, or what was read in one."""
        if isinstance(item.value, FaceEmotions):
            track = self._tracks[item.value.track]
            track.times_s.append(item.time_s)
            track.probabilities.append(item.value.probabilities)
            track.weights.append(max(item.value.frontalness, 1e-3))
            return ()
        frame: FrameFaces = item.value
        for face in frame.faces:
            self._tracks.setdefault(face.track, _Track(item.time_s, item.end_s)).end_s = item.end_s
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives the stretches of every track."""
        for number, track in sorted(self._tracks.items()):
            if track.times_s:
                segments = list(_segments(number, track))
                self._changes += len(segments) - 1
                for segment in segments:
                    self._seconds[segment.emotion.dominant] += segment.end_s - segment.start_s
                yield from segments

    def summary(self) -> Summary:
        """Share of the face time by dominant emotion."""
        total = sum(self._seconds.values())
        shares = sorted(self._seconds.items(), key=lambda pair: -pair[1])
        return Summary(
            emotion=FaceEmotionSummary(
                dominant=shares[0][0] if shares else "",
                shares=[Score(label=label, score=seconds / total) for label, seconds in shares if total > 0],
                change_count=self._changes,
            )
        )


def _segments(number: int, track: _Track) -> Iterable[Segment]:
    times_s = np.array(track.times_s)
    smoothed = _smoothed(times_s, np.array(track.probabilities), np.array(track.weights))
    starts_s, ends_s = _spans(track)
    for stretch in stretches(_dominant(smoothed), ends_s, starts_s, LEAST_STRETCH_S):
        mean = smoothed[stretch.first : stretch.beyond].mean(axis=0)
        scores = dict(zip(EMOTIONS, mean.tolist(), strict=True))
        yield Segment(
            start_s=starts_s[stretch.first],
            end_s=ends_s[stretch.beyond - 1],
            confidence=max(scores.values()) if stretch.state == UNCERTAIN else scores[stretch.state],
            emotion=FaceEmotionDetail(
                track_id=number,
                dominant=stretch.state,
                scores=[Score(label=label, score=score) for label, score in sorted(scores.items(), key=lambda one: -one[1])],
                valence=sum(_VALENCE[label] * score for label, score in scores.items()),
                arousal=sum(_AROUSAL[label] * score for label, score in scores.items()),
            ),
        )


def _smoothed(
    times_s: NDArray[np.float64], probabilities: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted mean about each moment, shape [n, 7]; rows sum to 1."""
    rows = []
    low = np.searchsorted(times_s, times_s - 3 * SMOOTHING_S)
    high = np.searchsorted(times_s, times_s + 3 * SMOOTHING_S, side="right")
    for index, (first, beyond) in enumerate(zip(low, high, strict=True)):
        near = np.exp(-0.5 * ((times_s[first:beyond] - times_s[index]) / SMOOTHING_S) ** 2) * weights[first:beyond]
        row = near @ probabilities[first:beyond]
        rows.append(row / row.sum())
    return np.array(rows)


def _spans(track: _Track) -> tuple[Sequence[float], Sequence[float]]:
    """Each look speaks for the time from midway after the one before to midway before the next."""
    middles = [(before + after) / 2 for before, after in zip(track.times_s, track.times_s[1:], strict=False)]
    return [track.start_s, *middles], [*middles, track.end_s]


def _dominant(probabilities: NDArray[np.float64]) -> list[str]:
    """The emotion at each moment, from rows [n, 7]."""
    states: list[str] = []
    for row in probabilities:
        best = EMOTIONS[int(row.argmax())]
        least = KEPT_PROBABILITY if states and states[-1] == best else LEAST_PROBABILITY
        states.append(best if row.max() >= least else UNCERTAIN)
    return states
