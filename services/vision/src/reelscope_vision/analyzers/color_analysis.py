"""Analyzer "color_analysis": palette, grade and mood of each shot."""

from __future__ import annotations

import math
from collections.abc import Iterable

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import ColorShare
from reelscope.vision.v1.details_pb2 import ColorDetail, ColorSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem, FrameSpec
from reelscope_vision.color.description import ColorDescription, describe
from reelscope_vision.color.histogram import ColorHistogram
from reelscope_vision.color.names import color_name
from reelscope_vision.color.oklab import to_hex
from reelscope_vision.sampling.ending import shown_until
from reelscope_vision.shots.transition import Transition

_SAMPLED_RATE = 4.0
"""Frames a second: colours change slowly within a shot, and shots shorter than 0.25 s are rare."""


class ColorAnalysis(Analyzer):
    """One segment per shot, when it is over. A shot so short that no frame of it is sampled has none.

    Frames of a dissolve count to the shot that prevails in them.
    """

    name = "color_analysis"
    version = "3"
    description = "Colour palette, temperature, saturation, contrast, harmony, grade and mood colour of every shot"
    detail = "color"
    stills = True
    frames = FrameSpec(96, 96, fps=_SAMPLED_RATE)
    requires = ("shots",)
    # A segment begins where its shot does, which may be the start of the clip.
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._clip = ColorHistogram()
        self._shot = ColorHistogram()
        self._shot_start_s = 0.0
        self._end_s = 0.0
        self._held: AnyItem | None = None

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a frame or a transition.

        A frame comes before a transition of the same time although it belongs to the new shot, so it is held for one input.
        """
        if item.source != "shots":
            self._take_held()
            self._held = item
            return
        transition: Transition = item.value
        if transition.opens_shot:
            if self._held is not None and self._held.time_s < transition.time_s:
                self._take_held()
            yield from self._end_shot(transition.time_s)
            self._shot_start_s = transition.time_s

    def flush(self) -> Iterable[Segment]:
        """Gives the last shot."""
        self._take_held()
        end_s = shown_until(self._end_s, _SAMPLED_RATE, self.context.media.video.duration_s)
        yield from self._end_shot(max(end_s, self._shot_start_s))

    def summary(self) -> Summary:
        """The colours of the whole clip, weighted by time."""
        if not self._clip.frames:
            return Summary(color=ColorSummary())
        found = describe(self._clip)
        return Summary(
            color=ColorSummary(
                palette=_palette(found),
                temperature=found.temperature,
                saturation=found.saturation,
                brightness=found.brightness,
                contrast=found.contrast,
                harmony=found.harmony,
                grade=found.grade,
                mood_hex=found.mood_hex,
            )
        )

    def _take_held(self) -> None:
        if self._held is not None:
            self._shot.add(self._held.value)
            self._end_s = self._held.end_s
            self._held = None

    def _end_shot(self, end_s: float) -> Iterable[Segment]:
        shot, start_s = self._shot, self._shot_start_s
        if not shot.frames:
            return
        # A clip of one still frame may have no duration at all.
        self._clip.add_scaled(shot, max(end_s - start_s, 1e-3))
        self._shot = ColorHistogram()
        found = describe(shot)
        yield Segment(
            start_s=start_s,
            end_s=end_s,
            confidence=1.0,
            color=ColorDetail(
                palette=_palette(found),
                temperature=found.temperature,
                warmth=found.warmth,
                saturation=found.saturation,
                brightness=found.brightness,
                contrast=found.contrast,
                harmony=found.harmony,
                grade=found.grade,
                mood_hex=found.mood_hex,
            ),
        )


def _palette(found: ColorDescription) -> list[ColorShare]:
    return [ColorShare(hex=to_hex(swatch.lab), share=swatch.share, name=color_name(swatch.lab)) for swatch in found.palette]
