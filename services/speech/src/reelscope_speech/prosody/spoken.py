"""Regions of speech joined to utterances, with the voice track of each: what analyzers of the manner of speaking look at.

Regions and not recognised text, so that they work where nothing was understood.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reelscope_runtime.media.items import AnyItem
from reelscope_speech.features.region_tracker import MAX_REGION_S, Region
from reelscope_speech.prosody.history import VoiceHistory
from reelscope_speech.prosody.track import VoiceTrack

MAX_GAP_S: Final = 0.6
"""Regions that are closer belong to one utterance: pauses within phrases are shorter (Campione & Veronis, 2002)."""

MAX_UTTERANCE_S: Final = 12.0
"""A longer one ends at its next gap."""

WAIT_S: Final = MAX_UTTERANCE_S + 2 * MAX_REGION_S + MAX_GAP_S + 2.0
"""How long an utterance's first sound waits at most until the utterance is given."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One utterance.

    Attributes:
        start_s: Start of its first region.
        end_s: End of its last one.
        track: Of all of it, pauses too.
        speech_s: Length of its regions.
    """

    start_s: float
    end_s: float
    track: VoiceTrack
    speech_s: float


class SpokenBuilder:
    """Takes regions and voice tracks in the order of their times; gives the utterances that are over."""

    def __init__(self) -> None:
        self._history = VoiceHistory()
        self._open: list[Region] = []
        self._closed: deque[list[Region]] = deque()

    def feed(self, item: AnyItem) -> Iterable[Spoken]:
        """Takes one item of "speech_regions" or "voice_track"."""
        if isinstance(item.value, Region):
            if self._open and not self._belongs(item.value):
                self._close()
            self._open.append(item.value)
            return
        self._history.add(item)
        if self._open and item.time_s > self._open[-1].end_s + MAX_GAP_S:
            self._close()
        while self._closed and self._closed[0][-1].end_s <= self._history.end_s:
            yield self._spoken(self._closed.popleft())
        waiting = self._closed[0] if self._closed else self._open
        self._history.drop_before(waiting[0].start_s if waiting else item.time_s - MAX_REGION_S)

    def finish(self) -> Iterable[Spoken]:
        """The clip is over."""
        if self._open:
            self._close()
        while self._closed:
            yield self._spoken(self._closed.popleft())

    def _belongs(self, region: Region) -> bool:
        first, last = self._open[0], self._open[-1]
        if last.continues:
            return region.end_s - first.start_s <= MAX_UTTERANCE_S + MAX_REGION_S
        return region.start_s - last.end_s <= MAX_GAP_S and region.end_s - first.start_s <= MAX_UTTERANCE_S

    def _close(self) -> None:
        self._closed.append(self._open)
        self._open = []

    def _spoken(self, regions: list[Region]) -> Spoken:
        start_s, end_s = regions[0].start_s, regions[-1].end_s
        speech_s = sum(region.end_s - region.start_s for region in regions)
        return Spoken(start_s, end_s, self._history.between(start_s, end_s), speech_s)
