"""Feature "voice_marks": silences, drawn-out sounds and stammered pieces in the voice track."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_speech.prosody.disfluency import repeated_pieces, steady_voices
from reelscope_speech.prosody.frames import HOP_S
from reelscope_speech.prosody.history import VoiceHistory
from reelscope_speech.prosody.pauses import silences

BLOCK_S: Final = 20.0
"""The track is looked through in pieces of this length ..."""

MARGIN_S: Final = 6.0
"""... with so much of what is around them: the longest pause, and the reach of the levels that it is measured against."""

Kind = Literal["silence", "steady", "repeat"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Value of the items of the feature "voice_marks".

    Attributes:
        kind: "silence" is no sound of speech; "steady" a voice that stays the same for longer than a fluent vowel; "repeat" a
            piece that is said again at once, without its last saying.
        start_s: Start.
        end_s: End.
        certainty: In [0,1].
    """

    kind: Kind
    start_s: float
    end_s: float
    certainty: float


class VoiceMarks(Feature):
    """Marks in the order of their times; `index` counts them."""

    name = "voice_marks"
    version = "1"
    requires = ("voice_track",)
    lookback_s: ClassVar[float] = BLOCK_S + 2 * MARGIN_S + 2.0

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._history = VoiceHistory()
        self._done_s: float | None = None
        self._count = 0

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a stretch of the voice track."""
        if self._done_s is None:
            self._done_s = item.time_s
        self._history.add(item)
        while self._history.end_s >= self._done_s + BLOCK_S + MARGIN_S:
            yield from self._look(self._done_s + BLOCK_S)

    def flush(self) -> Iterable[AnyItem]:
        """Looks through the rest."""
        if self._done_s is not None:
            yield from self._look(self._history.end_s + HOP_S)

    def _look(self, until_s: float) -> Iterable[AnyItem]:
        """Gives the marks that begin in the next block."""
        since_s = self._done_s or 0.0
        start_s = max(self._history.start_s, since_s - MARGIN_S)
        track = self._history.between(start_s, until_s + MARGIN_S)
        marks = [
            *(Mark("silence", one.first, one.beyond, _certainty(one.depth_db)) for one in silences(track)),
            *(Mark("steady", one.first, one.beyond, one.certainty) for one in steady_voices(track)),
            *(Mark("repeat", one.first, one.beyond, one.certainty) for one in repeated_pieces(track)),
        ]
        for mark in sorted(marks, key=lambda mark: mark.start_s):
            timed = Mark(mark.kind, start_s + mark.start_s * HOP_S, start_s + mark.end_s * HOP_S, mark.certainty)
            if since_s <= timed.start_s < until_s:
                self._count += 1
                yield Item(self.name, timed.start_s, timed.end_s, self._count - 1, timed)
        self._done_s = until_s
        self._history.drop_before(until_s - MARGIN_S)


def _certainty(depth_db: float) -> float:
    """A silence 20 dB under the speech is one for sure."""
    return min(1.0, max(0.0, depth_db / 20.0))
