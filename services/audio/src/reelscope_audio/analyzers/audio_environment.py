"""Which sounds are heard, and what they say of the place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import Score
from reelscope.audio.v1.details_pb2 import AudioEventDetail, AudioEventSummary
from reelscope_audio.features.tagging import LONGEST_STEP_S
from reelscope_audio.tagging.events import MAX_EVENT_S, MERGE_GAP_S, Event, EventTracker
from reelscope_audio.tagging.scene import Scene
from reelscope_audio.tagging.tags import Label, Tags
from reelscope_audio.tagging.taxonomy import ONCE, ONCE_S
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem


class AudioEnvironment(Analyzer):
    """Sound events with their times, ambience and setting, by AudioSet classes."""

    name = "audio_environment"
    version = "1"
    description = "Sound events with times, ambience, indoor or outdoor, genre and mood of music"
    detail = "audio_event"
    requires = ("audio_tags",)
    lookback_s: ClassVar[float] = MAX_EVENT_S + MERGE_GAP_S + 4 * LONGEST_STEP_S

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._labels: tuple[Label, ...] = ()
        self._scene: Scene | None = None
        self._tracker: EventTracker | None = None

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes the scores of one step."""
        tags: Tags = item.value
        if self._scene is None or self._tracker is None:
            self._labels = tags.labels
            self._scene = Scene([label.name for label in tags.labels])
            self._tracker = EventTracker(self._scene.families)
        scores = self._scene.feed(item.end_s - item.time_s, tags.scores)
        for event in self._tracker.feed(item.time_s, item.end_s, scores):
            yield self._segment(event)

    def flush(self) -> Iterable[Segment]:
        """Gives the events that last to the end."""
        if self._tracker is not None:
            yield from map(self._segment, self._tracker.finish())

    def summary(self) -> Summary:
        """Strongest classes, ambience, setting, styles of the music."""
        scene = self._scene
        if scene is None:
            return Summary(audio_event=AudioEventSummary(ambience="silence"))
        return Summary(
            audio_event=AudioEventSummary(
                top_classes=_scores(scene.top_classes()),
                ambience=scene.ambience(),
                setting=scene.setting(),
                music_genres=_scores(scene.genres()),
                music_moods=_scores(scene.moods()),
            )
        )

    def _segment(self, event: Event) -> Segment:
        label = self._labels[event.family.label]
        if label.name in ONCE and event.end_s - event.start_s <= ONCE_S:
            label = next((one for one in self._labels if one.name == ONCE[label.name]), label)
        return Segment(
            start_s=event.start_s,
            end_s=event.end_s,
            confidence=min(1.0, event.mean),
            audio_event=AudioEventDetail(label=label.name, mid=label.mid, peak=event.peak),
        )


def _scores(pairs: Iterable[tuple[str, float]]) -> list[Score]:
    return [Score(label=label, score=score) for label, score in pairs]
