"""Analyzer "cut_analysis": where the clip is cut and how, and the shots that result."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from itertools import pairwise

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.vision.v1.details_pb2 import CutDetail, CutSummary, Shot
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem, FrameSpec
from reelscope_vision.features.shots import LONGEST_TRANSITION_S
from reelscope_vision.shots.transition import Transition

_RHYTHMS = ((6.0, "slow"), (3.0, "moderate"), (1.5, "fast"))
"""Mean length of a shot in seconds, from which on the editing has this rhythm; shorter is "very_fast". Feature films average
4 to 6 s (Cutting et al. 2011), trailers and clips for phones 1 to 3 s."""


class CutAnalysis(Analyzer):
    """One segment per transition: a cut lasts for the new shot's first frame, a gradual transition for its span.

    `cut_count` counts the transitions after which another shot begins: hard cuts, jumps, dissolves, wipes and fades through
    black or white. A fade-out and the fade-in after it are two segments but count once, where the fade-in brings another
    picture. Not counted: a fade from nothing at the start, a fade to nothing at the end, a flash, and a fade-in after a cut
    to black, which the cut has counted.
    """

    name = "cut_analysis"
    version = "1"
    description = "Hard cuts, dissolves, fades, wipes, jumps and flashes with their exact frames; shots and rhythm"
    detail = "cut"
    # The same frames as the feature's: they tell the last frame of the last shot.
    frames = FrameSpec(48, 27, fit="stretch")
    requires = ("shots",)
    # A transition's item stands at the new shot's first frame, its segment begins with the transition.
    lookback_s = LONGEST_TRANSITION_S

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._starts: list[tuple[int, float]] = []
        self._last_frame = 0
        self._end_s = 0.0

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a frame or a transition."""
        if item.source != "shots":
            if not self._starts:
                self._starts.append((item.index, item.time_s))
            self._last_frame, self._end_s = item.index, item.end_s
            return
        transition: Transition = item.value
        if transition.opens_shot:
            self._starts.append((transition.frame, transition.time_s))
        yield Segment(
            start_s=transition.start_s,
            end_s=transition.end_s,
            confidence=transition.strength,
            cut=CutDetail(
                kind=transition.kind,
                frame=transition.frame,
                time_s=transition.time_s,
                strength=transition.strength,
                first_frame=transition.first_frame,
                last_frame=transition.last_frame,
            ),
        )

    def summary(self) -> Summary:
        """Shots and rhythm."""
        if not self._starts:
            return Summary(cut=CutSummary(rhythm="one_shot"))
        bounds = [*self._starts, (self._last_frame + 1, max(self._end_s, self._starts[-1][1]))]
        shots = [
            Shot(index=index, start_s=start_s, end_s=end_s, first_frame=first, last_frame=following - 1)
            for index, ((first, start_s), (following, end_s)) in enumerate(pairwise(bounds))
        ]
        lengths = [shot.end_s - shot.start_s for shot in shots]
        total_s = bounds[-1][1] - bounds[0][1]
        cut_count = len(shots) - 1
        return Summary(
            cut=CutSummary(
                cut_count=cut_count,
                cuts_per_minute=60 * cut_count / total_s if total_s > 0 else 0.0,
                shot_count=len(shots),
                shots=shots,
                mean_shot_s=statistics.fmean(lengths),
                median_shot_s=statistics.median(lengths),
                shortest_shot_s=min(lengths),
                longest_shot_s=max(lengths),
                rhythm=_rhythm(statistics.fmean(lengths)) if cut_count else "one_shot",
            )
        )


def _rhythm(mean_shot_s: float) -> str:
    return next((name for least_s, name in _RHYTHMS if mean_shot_s >= least_s), "very_fast")
