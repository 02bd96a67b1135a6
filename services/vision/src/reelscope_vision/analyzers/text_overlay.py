"""Analyzer "text_overlay": every text on the picture, from its first to its last frame."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import Point, Score, TimedPolygon
from reelscope.vision.v1.details_pb2 import TextDetail, TextStyle, TextSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.features.pictures import SEEN
from reelscope_vision.features.text_lines import FrameText
from reelscope_vision.text.boundaries import Boundaries
from reelscope_vision.text.colors import line_colors
from reelscope_vision.text.joining import joined
from reelscope_vision.text.kinds import Kinds
from reelscope_vision.text.line import Line, plain
from reelscope_vision.text.occurrence import Occurrence
from reelscope_vision.text.scripts import language_of, script_of

_THIRDS: Final = ("top", "middle", "bottom")
_ALIGNED: Final = 0.08
"""Frame widths from the middle up to which a line is centred."""


class TextOverlay(Analyzer):
    """One segment per line and time that it is on the picture, at the end of the clip: what kind it is depends on the others.

    Reads Latin script, Chinese and Japanese; other scripts are left out, since the network does not know their letters.
    """

    name = "text_overlay"
    version = "2"
    description = "Texts on the picture with their exact first and last frame, place, kind, script and style"
    detail = "text"
    stills: ClassVar[bool] = True
    frames = SEEN
    requires = ("text_lines",)
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._boundaries = Boundaries()
        self._begun: dict[int, tuple[int, float]] = {}
        self._found: list[Occurrence] = []
        self._clip_s = 0.0
        self._texts: dict[str, None] = {}
        self._language_s: defaultdict[str, float] = defaultdict(float)
        self._shown: list[tuple[float, float]] = []

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a frame, or lines that begin and end."""
        if not isinstance(item.value, FrameText):
            self._boundaries.keep(item)
            self._clip_s = max(self._clip_s, item.end_s)
            return ()
        text = item.value
        size = (text.width, text.height)
        for line in text.began:
            self._begun[line.number] = self._boundaries.begin(line, size)
        for ended in text.ended:
            self._found.append(self._occurrence(ended.line, self._boundaries.end(ended, size), size))
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all texts by their first frame, those that begin together in reading order."""
        found = sorted(joined(self._found), key=lambda one: (one.first_frame, *_row(one)))
        kinds = Kinds(found, self._clip_s)
        begun: Counter[int] = Counter()
        for one in found:
            yield self._segment(one, kinds.of(one), begun[one.first_frame])
            begun[one.first_frame] += 1

    def summary(self) -> Summary:
        """Every text once, the languages by the time they are shown, and how much of the clip has text."""
        total_s = sum(self._language_s.values())
        languages = sorted(self._language_s.items(), key=lambda pair: -pair[1])
        return Summary(
            text=TextSummary(
                texts=list(self._texts),
                languages=[Score(label=language, score=seconds / total_s) for language, seconds in languages],
                screen_time_share=min(1.0, _union(self._shown) / self._clip_s) if self._clip_s > 0 else 0.0,
            )
        )

    def _occurrence(self, line: Line, end: tuple[int, float], size: tuple[int, int]) -> Occurrence:
        first_frame, start_s = self._begun.pop(line.number)
        last_frame, end_s = end
        return Occurrence(
            number=line.number,
            before=line.before,
            reading=line.reading,
            plain=plain(line.reading.text),
            is_glimpse=line.first == line.confirmed,
            box=line.box,
            place=line.places[0][1],
            colors=line_colors(line.clearest),
            start_s=start_s,
            end_s=max(start_s, end_s),
            first_frame=first_frame,
            last_frame=max(first_frame, last_frame),
            corners=np.stack([corners for _, corners in line.places]) / np.array(size, np.float64),
            times_s=tuple(max(start_s, look.time_s) if index else start_s for index, (look, _) in enumerate(line.places)),
        )

    def _segment(self, one: Occurrence, kind: str, order: int) -> Segment:
        text = one.reading.text
        language = language_of(text)
        self._texts[text] = None
        self._shown.append((one.start_s, one.end_s))
        if language:
            self._language_s[language] += one.end_s - one.start_s
        return Segment(
            start_s=one.start_s,
            end_s=one.end_s,
            confidence=one.reading.confidence,
            text=TextDetail(
                text=text,
                language=language,
                script=script_of(text),
                kind=kind,
                polygons=[
                    TimedPolygon(time_s=time_s, points=[Point(x=float(x), y=float(y)) for x, y in corners.clip(0.0, 1.0)])
                    for time_s, corners in zip(one.times_s, one.corners, strict=True)
                ],
                style=_style(one),
                reading_order=order,
                first_frame=one.first_frame,
                last_frame=one.last_frame,
            ),
        )


def _row(one: Occurrence) -> tuple[int, float]:
    """Lines whose middles are within a line's height are one row, read from the left."""
    x, y = one.middle
    return round(float(y) / max(one.height, 0.01)), float(x)


def _style(one: Occurrence) -> TextStyle:
    x, y = one.middle
    letters, behind = one.colors
    aligned = "center" if abs(x - 0.5) <= _ALIGNED else "left" if x < 0.5 else "right"  # noqa: PLR2004 - the middle
    return TextStyle(
        line_height=one.height,
        color_hex=letters,
        background_hex=behind,
        vertical_third=_THIRDS[min(2, int(max(0.0, float(y)) * 3))],
        alignment=aligned,
    )


def _union(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds that at least one of the spans covers."""
    covered, until_s = 0.0, -math.inf
    for start_s, end_s in sorted(spans):
        covered += max(0.0, end_s - max(start_s, until_s))
        until_s = max(until_s, end_s)
    return covered
