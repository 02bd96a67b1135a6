"""How fast somebody speaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import TimedValue
from reelscope.speech.v1.details_pb2 import SpeechRateDetail, SpeechRateSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_speech.prosody.frames import HOP_S
from reelscope_speech.prosody.history import VoiceHistory
from reelscope_speech.prosody.syllables import syllable_nuclei
from reelscope_speech.transcription.windows import MAX_WINDOW_S

PAUSE_S: Final = 0.25
"""Silence between words from which on it is a pause and no part of the articulation (Goldman-Eisler, 1968)."""

BREAK_S: Final = 2.0
"""Between utterances, silence up to this is part of speaking, as the field counts speech rate; a longer one is a break, in
which nobody speaks."""

CURVE_WINDOW_S: Final = 6.0
CURVE_STEP_S: Final = 1.0
"""The curve says how many words a minute were begun in a window of 6 s, second by second: about 15 words, so that one more or
less changes it by 7 %."""

_SHORTEST_S: Final = 0.3
"""Nobody's rate can be told from less."""

_MINUTE_S: Final = 60.0


@dataclass(slots=True)
class _Totals:
    """Sums over the utterances."""

    words: int = 0
    syllables: int = 0
    speaking_s: float = 0.0
    phonation_s: float = 0.0


class SpeechRate(Analyzer):
    """One segment per utterance: words by the transcript, syllables by the sound, so that they need no language."""

    name = "speech_rate"
    version = "1"
    description = "Words a minute, syllables a second and articulation rate, per utterance and as a curve"
    detail = "rate"
    requires = ("voice_track", "speech_transcription")
    # No utterance is longer than the window that it was read in; a chunk more until its sound is there.
    lookback_s: ClassVar[float] = MAX_WINDOW_S + 4.0

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._history = VoiceHistory()
        self._waiting: deque[Segment] = deque()
        self._totals = _Totals()
        self._word_starts: list[float] = []
        self._spans: list[tuple[float, float]] = []

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes an utterance or a stretch of the voice track."""
        if isinstance(item.value, Segment):
            self._waiting.append(item.value)
        else:
            self._history.add(item)
            self._history.drop_before(self._waiting[0].start_s if self._waiting else item.time_s)
        while self._waiting and self._waiting[0].end_s <= self._history.end_s:
            yield from self._measure(self._waiting.popleft())

    def flush(self) -> Iterable[Segment]:
        """Gives the last utterances."""
        while self._waiting:
            yield from self._measure(self._waiting.popleft())

    def summary(self) -> Summary:
        """Rates over the time from the first word to the last, without breaks."""
        totals = self._totals
        return Summary(
            rate=SpeechRateSummary(
                words_per_minute=_MINUTE_S * _share(totals.words, totals.speaking_s),
                syllables_per_s=_share(totals.syllables, totals.speaking_s),
                articulation_rate=_share(totals.syllables, totals.phonation_s),
                curve=self._curve(),
            )
        )

    def _measure(self, utterance: Segment) -> Iterable[Segment]:
        start_s, end_s = utterance.start_s, utterance.end_s
        words = utterance.utterance.words
        seconds = end_s - start_s
        if seconds < _SHORTEST_S:
            return
        track = self._history.between(start_s, end_s)
        syllables = len(syllable_nuclei(track.speech_level_db, track.pitch_hz))
        gaps = [after.start_s - before.end_s for before, after in pairwise(words)]
        phonation_s = max(seconds - sum(gap for gap in gaps if gap >= PAUSE_S), HOP_S)
        totals = self._totals
        totals.words += len(words)
        totals.syllables += syllables
        gap_s = start_s - self._spans[-1][1] if self._spans else 0.0
        totals.speaking_s += seconds + (gap_s if 0 < gap_s < BREAK_S else 0.0)
        totals.phonation_s += phonation_s
        self._word_starts.extend(word.start_s for word in words)
        self._spans.append((start_s, end_s))
        yield Segment(
            start_s=start_s,
            end_s=end_s,
            confidence=utterance.confidence,
            rate=SpeechRateDetail(
                words_per_minute=_MINUTE_S * len(words) / seconds,
                syllables_per_s=syllables / seconds,
                articulation_rate=syllables / phonation_s,
            ),
        )

    def _curve(self) -> list[TimedValue]:
        """Words a minute of the utterances' time in a sliding window; no point where nobody speaks."""
        if not self._spans:
            return []
        starts = np.sort(self._word_starts)
        points = []
        for time_s in np.arange(self._spans[0][0], self._spans[-1][1], CURVE_STEP_S).tolist():
            low, high = time_s - CURVE_WINDOW_S / 2, time_s + CURVE_WINDOW_S / 2
            spoken_s = sum(max(0.0, min(end_s, high) - max(start_s, low)) for start_s, end_s in self._near(low, high))
            count = int(np.searchsorted(starts, high) - np.searchsorted(starts, low))
            if spoken_s >= CURVE_STEP_S:
                points.append(TimedValue(time_s=time_s, value=_MINUTE_S * count / spoken_s))
        return points

    def _near(self, low: float, high: float) -> list[tuple[float, float]]:
        first = int(np.searchsorted([end_s for _, end_s in self._spans], low))
        beyond = int(np.searchsorted([start_s for start_s, _ in self._spans], high))
        return self._spans[first:beyond]


def _share(count: float, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0
