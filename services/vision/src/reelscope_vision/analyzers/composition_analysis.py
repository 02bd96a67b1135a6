"""Analyzer "composition_analysis": how the pictures are composed, and what an app's own buttons would cover."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import ClassVar, Final, TypeVar

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import Point
from reelscope.vision.v1.details_pb2 import CompositionDetail, CompositionSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.composition.candidate import Candidate
from reelscope_vision.composition.conflicts import conflicts
from reelscope_vision.composition.division import Sample, divide
from reelscope_vision.composition.framing import Framing, outside
from reelscope_vision.composition.layout import PictureLayout
from reelscope_vision.composition.subject import samples_of
from reelscope_vision.features.subjects import Subjects
from reelscope_vision.quality.bars import Bars
from reelscope_vision.shots.transition import Transition
from reelscope_vision.tracking.boxes import box_message

Value = TypeVar("Value")

_WITHOUT_SUBJECT: Final = 0.5
"""Confidence where there is no subject: the measures of the whole picture hold, the rest is absent."""

_ASPECT_USES: Final = {
    (False, False): "full",
    (True, False): "letterboxed",
    (False, True): "pillarboxed",
    (True, True): "windowboxed",
}
_NEAR_AND_FAR: Final = 1.6
"""Times as large: the head of somebody who is so many times as near; a child's is 1.2 times as small as an adult's."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """One composition from its start to its end."""

    start_s: float
    end_s: float
    samples: Sequence[Sample]
    layouts: Sequence[PictureLayout]

    @property
    def seconds(self) -> float:
        """A still picture may have no duration at all."""
        return max(self.end_s - self.start_s, 1e-3)


class _Spans:
    """Stretches of time, which may overlap: whether a time is in any of them."""

    def __init__(self, spans: Iterable[tuple[float, float]]) -> None:
        ordered = sorted(spans)
        self._starts_s = [start_s for start_s, _ in ordered]
        # Of those that began, the last to end.
        self._ends_s = list(accumulate((end_s for _, end_s in ordered), max))

    def __contains__(self, time_s: float) -> bool:
        at = bisect_right(self._starts_s, time_s)
        return at > 0 and time_s < self._ends_s[at - 1]


class CompositionAnalysis(Analyzer):
    """One segment per shot, or stretch of a shot in which the subject keeps its place, at the end of the clip."""

    name = "composition_analysis"
    version = "1"
    description = "Subject, rule of thirds, headroom, symmetry, balance, depth cue, bars, and what an app's buttons would cover"
    detail = "composition"
    stills: ClassVar[bool] = True
    requires = ("shots", "picture_layout", "subjects")
    wants = ("text_overlay",)
    at_end = ("text_overlay",)
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._transitions: list[Transition] = []
        self._layouts: list[tuple[float, PictureLayout]] = []
        self._subjects: list[tuple[float, Subjects]] = []
        self._texts: list[Segment] = []
        self._end_s = 0.0
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._known_s: defaultdict[str, float] = defaultdict(float)
        self._words_s: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._conflicts = 0

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a transition, the measures or the subjects of a picture, or a text."""
        value = item.value
        if isinstance(value, Transition):
            if value.opens_shot:
                self._transitions.append(value)
        elif isinstance(value, Segment):
            self._texts.append(value)
        else:
            self._end_s = max(self._end_s, item.end_s)
            if isinstance(value, PictureLayout):
                self._layouts.append((item.time_s, value))
            else:
                self._subjects.append((item.time_s, value))
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all segments, in order."""
        for stretch in self._stretches():
            yield self._segment(stretch)

    def summary(self) -> Summary:
        """Means and what lasts longest."""
        means = {name: total / self._known_s[name] for name, total in self._sums.items()}
        words = {name: max(seconds, key=seconds.__getitem__) for name, seconds in self._words_s.items()}
        found = CompositionSummary(safe_zone_conflicts=self._conflicts)
        for name, value in (means | words).items():
            setattr(found, name, value)
        return Summary(composition=found)

    def _stretches(self) -> Iterable[_Stretch]:
        """Those of each shot, the first from its start, the last to its end; none of a shot that no picture was taken of."""
        end_s = max(self.context.media.video.duration_s, self._end_s)
        bounds_s = [0.0, *(one.time_s for one in self._transitions), end_s]
        # Pictures within a dissolve show two compositions.
        unclear = _Spans([(one.start_s, one.end_s) for one in self._transitions if one.first_frame < one.last_frame])
        layouts = [one for one in self._layouts if one[0] not in unclear]
        subjects = [one for one in self._subjects if one[0] not in unclear]
        for start_s, beyond_s in pairwise(bounds_s):
            # A still picture may have no duration at all.
            seen = _between(layouts, start_s, beyond_s) if beyond_s else layouts
            found = _between(subjects, start_s, beyond_s) if beyond_s else subjects
            if not seen or not found:
                continue
            samples = samples_of(found, seen)
            parts = divide(samples, beyond_s)
            starts_s = [start_s, *(samples[part.start].time_s for part in parts[1:]), beyond_s]
            for part, (first_s, last_s) in zip(parts, pairwise(starts_s), strict=True):
                # A stretch is longer than the time between two layouts, but for a whole shot.
                within = [layout for _, layout in _between(seen, first_s, last_s)] or [seen[0][1]]
                yield _Stretch(first_s, last_s, samples[part], within)

    def _segment(self, stretch: _Stretch) -> Segment:
        around = Bars(*np.median([_sides(one.bars) for one in stretch.layouts], axis=0).tolist())
        center = np.median([one.saliency.center for one in stretch.layouts], axis=0)
        detail = CompositionDetail(
            symmetry=float(np.median([one.symmetry for one in stretch.layouts])),
            vertical_symmetry=float(np.median([one.vertical_symmetry for one in stretch.layouts])),
            balance=float(np.clip(1 - 2 * np.hypot(*(center - 0.5)), 0.0, 1.0)),
            visual_center=_point(center[0], center[1], around),
            aspect_use=_ASPECT_USES[around.top + around.bottom > 0, around.left + around.right > 0],
            people=_people(stretch.samples),
        )
        subjects = [one.subject for one in stretch.samples if one.subject is not None]
        confidence = _WITHOUT_SUBJECT
        if 2 * len(subjects) >= len(stretch.samples):
            confidence = float(np.mean([one.score for one in subjects])) * len(subjects) / len(stretch.samples)
            framing = _describe(detail, subjects, around)
            detail.depth = _depth(stretch, framing)
        video = self.context.media.video
        texts = [one for one in self._texts if one.start_s < stretch.end_s and one.end_s > stretch.start_s]
        aspect = video.width / max(1, video.height)
        detail.safe_zone_conflicts.extend(conflicts(detail, stretch.samples, texts, aspect))
        self._count(detail, stretch.seconds)
        return Segment(start_s=stretch.start_s, end_s=stretch.end_s, confidence=confidence, composition=detail)

    def _count(self, detail: CompositionDetail, seconds: float) -> None:
        self._conflicts += len(detail.safe_zone_conflicts)
        values = {
            "rule_of_thirds": detail.rule_of_thirds if detail.HasField("rule_of_thirds") else None,
            "headroom": detail.headroom if detail.HasField("headroom") else None,
            "symmetry": detail.symmetry,
            "balance": detail.balance,
            "subject_share": detail.subject_share,
        }
        for name, value in values.items():
            if value is not None:
                self._sums[name] += value * seconds
                self._known_s[name] += seconds
        words = {"subject_position": detail.subject_position, "aspect_use": detail.aspect_use, "depth": detail.depth}
        for name, word in words.items():
            if word:
                self._words_s[f"dominant_{name}"][word] += seconds


def _describe(detail: CompositionDetail, subjects: Sequence[Candidate], around: Bars) -> Framing:
    """Adds what is known of the subject, and gives it."""
    kind, label = Counter((one.kind, one.label) for one in subjects).most_common(1)[0][0]
    framing = Framing.of([one for one in subjects if one.kind == kind], around)
    detail.subject_kind, detail.subject_label = kind, label
    detail.rule_of_thirds = framing.rule_of_thirds
    detail.power_point = framing.power_point
    detail.subject_position, detail.subject_vertical = framing.position, framing.vertical
    detail.subject.CopyFrom(box_message(np.array(outside(framing.box, around))))
    detail.subject_share = detail.subject.w * detail.subject.h
    detail.focus.CopyFrom(_point(*framing.focus, around))
    for name in ("headroom", "eye_line", "look_room"):
        if (value := getattr(framing, name)) is not None:
            setattr(detail, name, value)
    return framing


def _depth(stretch: _Stretch, framing: Framing) -> str:
    """People near and far, else what the lens tells."""
    layered = [_is_layered(sample) for sample in stretch.samples]
    if 2 * sum(layered) >= len(layered):
        return "layered"
    cues = Counter(one.focus.depth(framing.box) for one in stretch.layouts)
    return cues.most_common(1)[0][0]


def _is_layered(sample: Sample) -> bool:
    sizes = [float(one.numbers[11]) for one in sample.people]
    return bool(sizes) and max(sizes) >= _NEAR_AND_FAR * min(sizes)


def _people(samples: Sequence[Sample]) -> int:
    return Counter(len(one.people) for one in samples).most_common(1)[0][0]


def _point(x: float, y: float, around: Bars) -> Point:
    left, top, *_ = outside((x, y, 0.0, 0.0), around)
    return Point(x=float(np.clip(left, 0, 1)), y=float(np.clip(top, 0, 1)))


def _sides(bars: Bars) -> tuple[float, float, float, float]:
    return bars.top, bars.bottom, bars.left, bars.right


def _between(timed: Sequence[tuple[float, Value]], start_s: float, beyond_s: float) -> Sequence[tuple[float, Value]]:
    low, high = (bisect_left(timed, at, key=itemgetter(0)) for at in (start_s, beyond_s))
    return timed[low:high]
