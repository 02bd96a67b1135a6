"""Feature "speaker_embeddings": what each region of speech tells of who speaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_speech.diarization.slices import RegionVoice, slice_voice
from reelscope_speech.features.region_tracker import MAX_REGION_S, Region
from reelscope_speech.prosody.history import VoiceHistory

_SLACK_S = 2.0
"""How much later than the sound itself regions and tracks come, beside the region's own length."""


class SpeakerEmbeddings(Feature):
    """Items: value `RegionVoice`, one per region of speech, index = number of the region."""

    name = "speaker_embeddings"
    version = "1"
    requires = ("speech_regions", "voice_track")
    lookback_s: ClassVar[float] = 2 * MAX_REGION_S + _SLACK_S

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._history = VoiceHistory()
        self._waiting: deque[Item[Region]] = deque()

    def process(self, item: AnyItem) -> Iterable[Item[RegionVoice]]:
        """Takes a region of speech or a stretch of the voice track."""
        if isinstance(item.value, Region):
            self._waiting.append(item)
        else:
            self._history.add(item)
        while self._waiting and self._waiting[0].end_s <= self._history.end_s:
            yield self._measure(self._waiting.popleft())
        kept_from_s = self._waiting[0].time_s if self._waiting else item.time_s - MAX_REGION_S
        self._history.drop_before(kept_from_s)

    def flush(self) -> Iterable[Item[RegionVoice]]:
        """Gives the last regions."""
        while self._waiting:
            yield self._measure(self._waiting.popleft())

    def _measure(self, region: Item[Region]) -> Item[RegionVoice]:
        track = self._history.between(region.time_s, region.end_s)
        return Item(self.name, region.time_s, region.end_s, region.index, slice_voice(region.time_s, region.end_s, track))
