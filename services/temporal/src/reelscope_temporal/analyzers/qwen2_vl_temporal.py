"""What happens, window by window: descriptions by the engine of the profile.

The storyboard engine has no language model: it says what was measured and labels its text as such.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.temporal.v1.details_pb2 import Chapter, DescriptionDetail, DescriptionSummary, Facts
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_temporal.features.samples import SAMPLES_PER_S
from reelscope_temporal.storyboard import sentences
from reelscope_temporal.storyboard.window import SAME_LOOK, Window

WINDOW_S = 2.0
"""As the system that this one replaces has it, so that its users' times line up."""
HOOK_S = 3.0
"""What a viewer decides by."""
ENGINE = "storyboard"
CONFIDENCE = 0.5
"""Measured facts in fixed words: right as far as they go, and far from all that could be said."""


class Qwen2VlTemporal(Analyzer):
    """One segment per 2 s window as soon as it is over, and one per shot at the shot's end."""

    name = "qwen2_vl_temporal"
    version = "1"
    description = "What happens in each 2 s window and shot; in the lite profile measured facts in sentences, no language model"
    detail = "description"
    requires = ("samples", "subjects")
    lookback_s = float("inf")

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        video = context.media.video
        self._layout = "vertical" if video.height > video.width else "square" if video.height == video.width else "horizontal"
        self._window = Window(0.0, WINDOW_S)
        self._before: Window | None = None
        self._shot = Window(0.0, 0.0)
        self._shots: list[tuple[float, float, str]] = []
        self._hook: list[Window] = []
        self._skipped = self._count = 0
        self._end_s = 0.0

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Adds a measurement; gives the windows and shots that it ends."""
        while item.time_s >= self._window.end_s:
            yield from self._end_window()
        if item.source == "subjects":
            self._window.subjects.append(item.value)
            self._shot.subjects.append(item.value)
            return
        self._end_s = item.end_s
        if item.value.new_shot:
            yield self._end_shot(item.time_s)
        # The sample that begins a shot says nothing of the motion within it.
        self._shot.samples.append(replace(item.value, new_shot=False) if item.value.new_shot else item.value)
        self._window.samples.append(item.value)

    def flush(self) -> Iterable[Segment]:
        """The last window and shot."""
        if self._window.samples:
            self._window.end_s = self._end_s = self._clip_end()
            yield from self._end_window()
        if self._shot.samples:
            yield self._end_shot(self._end_s)

    def summary(self) -> Summary:
        """The clip as a whole."""
        hook = sentences.describe(_merged(self._hook)) if any(window.samples for window in self._hook) else ""
        told = " ".join(dict.fromkeys(text for _, _, text in self._shots))
        return Summary(
            description=DescriptionSummary(
                text=f"A {self._layout} clip of {self._end_s:.1f} s. {told}".strip(),
                chapters=[Chapter(start_s=start, end_s=end, title=text) for start, end, text in self._shots],
                hook=hook,
                engine=ENGINE,
                windows=self._count,
                skipped_windows=self._skipped,
            )
        )

    def _clip_end(self) -> float:
        """The last sample stands for what follows it, up to the next that would have been taken."""
        return max(self._end_s, min(self._end_s + 1 / SAMPLES_PER_S, self.context.media.video.duration_s))

    def _end_window(self) -> Iterable[Segment]:
        window, before = self._window, self._before
        self._window = Window(window.end_s, window.end_s + WINDOW_S, shot_index=len(self._shots))
        if not window.samples:  # a frame rate below one frame per window
            return
        self._count += 1
        if window.start_s < HOOK_S:
            self._hook.append(window)
        window.shot_index = len(self._shots)
        similarity = window.looks_like(before) if before is not None else 0.0
        detail = self._detail(window, "fixed")
        detail.change = sentences.change(window, before)
        detail.facts.similarity_to_previous = similarity
        if before is not None and similarity > 1 - SAME_LOOK / 4 and not window.new_shots and window.cast() == before.cast():
            detail.same_as_start_s = before.start_s
            self._skipped += 1
        self._before = window
        yield Segment(start_s=window.start_s, end_s=window.end_s, confidence=CONFIDENCE, description=detail)

    def _end_shot(self, end_s: float) -> Segment:
        shot = self._shot
        shot.end_s = end_s
        detail = self._detail(shot, "shot")
        detail.shot_index = len(self._shots)
        self._shots.append((shot.start_s, end_s, detail.text))
        self._shot = Window(end_s, end_s)
        return Segment(start_s=shot.start_s, end_s=end_s, confidence=CONFIDENCE, description=detail)

    def _detail(self, window: Window, kind: str) -> DescriptionDetail:
        return DescriptionDetail(
            text=sentences.describe(window),
            actions=sentences.actions(window),
            subjects=[sentences.counted(label, count) for label, count in window.cast()],
            setting=sentences.setting(window),
            engine=ENGINE,
            window=kind,
            shot_index=window.shot_index,
            facts=Facts(motion=window.motion, brightness=window.brightness, colors=list(window.colors), layout=self._layout),
        )


def _merged(windows: list[Window]) -> Window:
    """One window over several."""
    merged = Window(windows[0].start_s, windows[-1].end_s)
    for window in windows:
        merged.samples += window.samples
        merged.subjects += window.subjects
    return merged
