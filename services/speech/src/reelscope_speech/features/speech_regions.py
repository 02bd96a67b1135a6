"""Where somebody speaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_speech.features.region_tracker import MAX_REGION_S, MIN_SILENCE_S, PAD_S, Region, RegionTracker
from reelscope_speech.features.source import AUDIO
from reelscope_speech.features.voice_activity import FRAME_S, VoiceActivity

MODEL = "voice_activity"
"""The manifest's task."""


class SpeechRegions(Feature):
    """Regions of speech by Silero VAD, each given once it is over.

    Items: value `Region`, index = number of the region. Regions never overlap; a region that was cut for its length
    says so in `continues` and the next one begins where it ends.
    """

    name = "speech_regions"
    version = "1"
    audio = AUDIO
    models = (MODEL,)
    lookback_s: ClassVar[float] = MAX_REGION_S + MIN_SILENCE_S + PAD_S + 2 * FRAME_S

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._activity = VoiceActivity(context.model(MODEL))
        self._tracker: RegionTracker | None = None
        self._count = 0
        self._end_s = 0.0

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a chunk of mono audio at 16 kHz."""
        if self._tracker is None:
            self._tracker = RegionTracker(clock_s=item.time_s)
        self._end_s = item.end_s
        return [self._item(region) for region in self._tracker.feed(self._activity.feed(item.value[0]))]

    def flush(self) -> Iterable[AnyItem]:
        """Gives the region that the audio ends in."""
        tracker = self._tracker
        if tracker is None:
            return []
        regions = [*tracker.feed(self._activity.finish()), *tracker.finish()]
        return [self._item(region) for region in regions]

    def _item(self, region: Region) -> Item[Region]:
        self._count += 1
        end_s = min(region.end_s, self._end_s)
        return Item(self.name, min(region.start_s, end_s), end_s, self._count - 1, region)
