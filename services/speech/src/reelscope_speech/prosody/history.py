"""The last stretch of the voice track, addressed by time, for nodes that look at utterances after they are over."""

from __future__ import annotations

from collections import deque
from dataclasses import fields

import numpy as np

from reelscope_runtime.media.items import Item
from reelscope_speech.prosody.frames import HOP_S
from reelscope_speech.prosody.track import VoiceTrack

_FIELDS = tuple(field.name for field in fields(VoiceTrack))


class VoiceHistory:
    """Takes items of the feature "voice_track" in order; gives any stretch that was not dropped."""

    def __init__(self) -> None:
        self._items: deque[Item[VoiceTrack]] = deque()

    @property
    def end_s(self) -> float:
        """How far it reaches."""
        return self._items[-1].end_s if self._items else 0.0

    @property
    def start_s(self) -> float:
        """Where it begins."""
        return self._items[0].time_s if self._items else 0.0

    def add(self, item: Item[VoiceTrack]) -> None:
        """Takes the next item."""
        self._items.append(item)

    def drop_before(self, time_s: float) -> None:
        """Forgets what ends before this time."""
        while self._items and self._items[0].end_s <= time_s:
            self._items.popleft()

    def between(self, start_s: float, end_s: float) -> VoiceTrack:
        """The frames whose middles lie in a stretch; fewer where it reaches beyond what is there."""
        parts = []
        for item in self._items:
            if item.end_s <= start_s or item.time_s >= end_s:
                continue
            # round(), for the middles' times are half hops that sums of floats miss by a little
            first = max(0, int(np.ceil(round((start_s - item.time_s) / HOP_S - 0.5, 6))))
            beyond = max(first, int(np.ceil(round((end_s - item.time_s) / HOP_S - 0.5, 6))))
            parts.append([getattr(item.value, name)[first:beyond] for name in _FIELDS])
        if not parts:
            return VoiceTrack(*(np.zeros((0, 16) if name == "envelope_db" else 0, np.float32) for name in _FIELDS))
        return VoiceTrack(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
