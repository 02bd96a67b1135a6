"""Analyzer "background_segmentation": how much of the picture people cover, and what is behind them."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import ColorShare
from reelscope.vision.v1.details_pb2 import BackgroundDetail, BackgroundSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.background.change import is_break, is_other, person_stays
from reelscope_vision.color.histogram import ColorHistogram
from reelscope_vision.color.names import color_name
from reelscope_vision.color.oklab import to_hex
from reelscope_vision.color.palette import palette
from reelscope_vision.features.backdrop import Backdrop
from reelscope_vision.features.person_mask import SAMPLED_RATE
from reelscope_vision.sampling.ending import shown_until
from reelscope_vision.shots.transition import Transition

_CONTEXT = 3
"""Pictures before and after a change that must show that it is one: more than half a second of the new background."""

Change = Literal["", "cut", "switch"]
_Sample = Item[Backdrop]


@dataclass(slots=True)
class _Stretch:
    """One background as it goes on."""

    start_s: float
    change: Change = ""
    shares: list[float] = field(default_factory=list)
    kinds: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    colors: ColorHistogram = field(default_factory=ColorHistogram)

    @property
    def kind(self) -> str:
        return max(self.kinds, key=self.kinds.__getitem__, default="")


class BackgroundSegmentation(Analyzer):
    """One segment per shot, or stretch of a shot with one background. A shot so short that no picture of it is sampled has
    none. Where nobody is in the picture, all of it is background.
    """

    name = "background_segmentation"
    version = "2"
    description = "Share of the picture that people cover; kind and colours of the background, and when it changes"
    detail = "background"
    stills = True
    # Shots first: of a cut and a picture at the same time, the picture belongs to the new shot.
    requires = ("shots", "backdrop")
    # A segment begins where its shot does, which may be the start of the clip.
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._before: deque[_Sample] = deque(maxlen=_CONTEXT)
        self._after: deque[_Sample] = deque()
        self._transitions: deque[Transition] = deque()
        self._stretch = _Stretch(0.0)
        self._held: Segment | None = None
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._covered_s = 0.0
        self._changes = 0

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a transition, or the backdrop of a picture; a picture waits until those after it are known."""
        if isinstance(item.value, Transition):
            if item.value.opens_shot:
                self._transitions.append(item.value)
            return
        self._after.append(item)
        if len(self._after) > _CONTEXT:
            yield from self._take()

    def flush(self) -> Iterable[Segment]:
        """Gives the rest."""
        while self._after:
            yield from self._take()
        if self._before:
            end_s = shown_until(self._before[-1].end_s, SAMPLED_RATE, self.context.media.video.duration_s)
            yield from self._end(end_s, "")
        if self._held is not None:
            yield self._counted(self._held)

    def summary(self) -> Summary:
        """The kind that lasts longest, and how often it changes."""
        total_s = sum(self._seconds.values())
        return Summary(
            background=BackgroundSummary(
                dominant_kind=max(self._seconds, key=self._seconds.__getitem__, default=""),
                mean_foreground_share=self._covered_s / total_s if total_s > 0 else 0.0,
                change_count=self._changes,
            )
        )

    def _take(self) -> Iterable[Segment]:
        """Adds the first waiting picture to its stretch."""
        sample = self._after[0]
        yield from self._divided(sample)
        self._after.popleft()
        self._before.append(sample)
        backdrop, stretch = sample.value, self._stretch
        stretch.shares.append(backdrop.foreground_share)
        if backdrop.surface is not None:
            stretch.kinds[backdrop.surface.kind] += 1
            stretch.colors.add(backdrop.picture[backdrop.visible][:, None])

    def _divided(self, sample: _Sample) -> Iterable[Segment]:
        """Ends the stretch where another one begins with this picture."""
        after = [one.value for one in self._after]
        opening: Transition | None = None
        while self._transitions and self._transitions[0].time_s <= sample.time_s:
            opening = self._transitions.popleft()
        if not self._before:
            if opening is not None:
                self._stretch.start_s = opening.time_s
            return
        before = [one.value for one in self._before]
        if opening is not None:
            # Pictures within a dissolve show both backgrounds.
            old = [one.value for one in self._before if one.time_s < opening.start_s] or before
            new = [one.value for one in self._after if one.time_s >= opening.end_s] or after
            yield from self._end(opening.time_s, _change(old[-1], new[0]) if is_other(old[-1], new[0]) else "")
        elif is_break(before, after):
            yield from self._end(sample.time_s, _change(before[-1], after[0]))
        else:
            return
        self._before.clear()

    def _end(self, time_s: float, change: Change) -> Iterable[Segment]:
        stretch, self._stretch = self._stretch, _Stretch(time_s, change)
        if not stretch.shares:
            self._stretch.change = change or stretch.change
            return
        found = _segment(stretch, time_s)
        if self._held is not None:
            yield self._counted(self._held)
        self._held = found
        # What is exchanged behind a person was no real place, before and after.
        if stretch.change == "switch" or change == "switch":
            found.background.kind = "virtual" if stretch.kind == "real" else stretch.kind

    def _counted(self, segment: Segment) -> Segment:
        # A still picture may have no duration at all.
        seconds = max(segment.end_s - segment.start_s, 1e-3)
        self._seconds[segment.background.kind] += seconds
        self._covered_s += seconds * segment.background.foreground_share
        self._changes += bool(segment.background.change)
        return segment


def _change(before: Backdrop, after: Backdrop) -> Change:
    return "switch" if person_stays(before, after) else "cut"


def _segment(stretch: _Stretch, end_s: float) -> Segment:
    kind = stretch.kind
    votes = sum(stretch.kinds.values())
    colors = palette(*stretch.colors.colors()) if stretch.colors.frames else []
    return Segment(
        start_s=stretch.start_s,
        end_s=end_s,
        confidence=stretch.kinds[kind] / votes if votes else 0.0,
        background=BackgroundDetail(
            foreground_share=float(np.mean(stretch.shares)),
            kind=kind,
            colors=[ColorShare(hex=to_hex(one.lab), share=one.share, name=color_name(one.lab)) for one in colors],
            changed=stretch.change == "switch",
            change=stretch.change,
        ),
    )
