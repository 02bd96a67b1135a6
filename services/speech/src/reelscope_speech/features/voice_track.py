"""Feature "voice_track": pitch, voicing, levels and spectral envelope, a hundred times a second."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_speech.features.source import AUDIO
from reelscope_speech.prosody.frames import HOP_S, Framer, Frames
from reelscope_speech.prosody.pitch import DELAY_S, PitchTracker
from reelscope_speech.prosody.track import VoiceTrack

_WINDOW_S = 0.04
_NO_CORRELATION = np.zeros((0, 0), np.float32)
_NO_PEAK = np.zeros(0, np.float32)


class VoiceTracks(Feature):
    """Items follow one another without a gap from the first sample on; `index` is the number of the first frame."""

    name = "voice_track"
    version = "1"
    audio = AUDIO
    lookback_s = AUDIO.chunk_s + DELAY_S + 2 * _WINDOW_S

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._framer = Framer()
        self._pitch = PitchTracker()
        self._waiting: list[Frames] = []
        self._start_s: float | None = None
        self._index = 0

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a chunk of mono audio at 16 kHz."""
        if self._start_s is None:
            self._start_s = item.time_s
        frames = self._framer.feed(item.value[0])
        self._waiting.append(frames)
        return self._items(*self._pitch.feed(frames))

    def flush(self) -> Iterable[AnyItem]:
        """Gives the rest."""
        if self._start_s is None:
            return []
        frames = self._framer.finish()
        self._waiting.append(frames)
        decided, rest = self._pitch.feed(frames), self._pitch.finish()
        return self._items(*(np.concatenate(pair) for pair in zip(decided, rest, strict=True)))

    def _items(self, pitch_hz: NDArray[np.float32], voicing: NDArray[np.float32]) -> list[Item[VoiceTrack]]:
        """One item of all frames whose pitch is decided."""
        count = len(pitch_hz)
        if count == 0:
            return []
        level, speech, envelope = (
            np.concatenate([getattr(frames, name) for frames in self._waiting])
            for name in ("level_db", "speech_level_db", "envelope_db")
        )
        # What the tracker has seen already is not kept.
        self._waiting = [Frames(level[count:], speech[count:], envelope[count:], _NO_CORRELATION, _NO_PEAK)]
        start_s = (self._start_s or 0.0) + self._index * HOP_S
        index, self._index = self._index, self._index + count
        value = VoiceTrack(pitch_hz, voicing, level[:count], speech[:count], envelope[:count])
        return [Item(self.name, start_s, start_s + count * HOP_S, index, value)]
