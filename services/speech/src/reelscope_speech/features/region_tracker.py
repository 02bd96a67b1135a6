"""Speech probabilities to regions of speech, by hysteresis and shortest durations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from reelscope_speech.features.voice_activity import FRAME_S, Probabilities

ONSET: Final = 0.4
"""Probability that opens a region. Silero's default is 0.5, about which the soft words of a speech in a hall hover; no sound
of ours without speech reaches 0.4 for long."""

OFFSET: Final = 0.25
"""Probability below which a region may close: 0.15 under the onset, as Silero has it."""

MIN_SPEECH_S: Final = 0.16
"""Shorter bursts are clicks; the shortest words ("a", "I") last about 0.1 s and come with their 32 ms frames."""

MIN_SILENCE_S: Final = 0.25
"""Closures of stops and gaps within a phrase are shorter; a silent pause begins at about 0.25 s (Goldman-Eisler, 1968)."""

PAD_S: Final = 0.1
"""Added on both sides: fricatives at the edges of a word score low."""

MAX_REGION_S: Final = 12.0
"""Longer speech is cut, at its weakest moment, so that dependants need not wait for a pause that may never come."""

CUT_SEARCH_S: Final = 4.0
"""The cut is sought within so many of the last seconds."""


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of speech.

    Attributes:
        start_s: Start, on the clock of the frames.
        end_s: End.
        probability: Mean probability of its frames.
        peak: Largest.
        continues: Whether the next region follows without a pause, since this one was cut for its length.
    """

    start_s: float
    end_s: float
    probability: float
    peak: float
    continues: bool = False


@dataclass(slots=True)
class RegionTracker:
    """Takes probabilities frame after frame and gives the regions that are over.

    Attributes:
        clock_s: Time of the next frame's start.
    """

    clock_s: float = 0.0
    _start_s: float | None = None
    _after_cut: bool = False
    _silent_from: int | None = None
    _scores: list[float] = field(default_factory=list)
    _last_end_s: float = 0.0

    @property
    def open_since_s(self) -> float | None:
        """When the speech began that goes on; None where nobody speaks."""
        return self._start_s

    def feed(self, probabilities: Probabilities) -> Iterable[Region]:
        """Takes the next frames."""
        for value in probabilities.tolist():
            yield from self._step(value)
            self.clock_s += FRAME_S

    def finish(self) -> Iterable[Region]:
        """The stream is over."""
        if self._start_s is not None:
            yield from self._close(self._silent_from if self._silent_from is not None else len(self._scores))

    def _step(self, value: float) -> Iterable[Region]:
        if self._start_s is None:
            if value >= ONSET:
                self._start_s = self.clock_s
                self._scores = [value]
                self._silent_from = None
            return
        self._scores.append(value)
        if value >= ONSET:
            self._silent_from = None
        elif value < OFFSET and self._silent_from is None:
            self._silent_from = len(self._scores) - 1
        if self._silent_from is not None and (len(self._scores) - self._silent_from) * FRAME_S >= MIN_SILENCE_S:
            yield from self._close(self._silent_from)
        elif len(self._scores) * FRAME_S >= MAX_REGION_S:
            yield self._cut()

    def _close(self, frames: int) -> Iterable[Region]:
        """Ends the open region after its first `frames` frames."""
        start_s, scores = self._start_s, self._scores[:frames]
        joined, self._after_cut = self._after_cut, False
        self._start_s, self._scores, self._silent_from = None, [], None
        if start_s is None or not scores or (len(scores) * FRAME_S < MIN_SPEECH_S and not joined):
            return
        end_s = start_s + len(scores) * FRAME_S
        yield self._region(start_s if joined else start_s - PAD_S, end_s + PAD_S, scores, continues=False)

    def _cut(self) -> Region:
        """Ends the open region at its weakest late frame and opens the next there."""
        start_s = self._start_s or 0.0
        searched = self._scores[-round(CUT_SEARCH_S / FRAME_S) :]
        at = len(self._scores) - len(searched) + min(range(len(searched)), key=searched.__getitem__)
        head, tail = self._scores[:at], self._scores[at:]
        joined, self._after_cut = self._after_cut, True
        cut_s = start_s + at * FRAME_S
        self._start_s, self._scores = cut_s, tail
        self._silent_from = None if self._silent_from is None or self._silent_from < at else self._silent_from - at
        return self._region(start_s if joined else start_s - PAD_S, cut_s, head, continues=True)

    def _region(self, start_s: float, end_s: float, scores: list[float], *, continues: bool) -> Region:
        start_s = max(start_s, self._last_end_s)
        self._last_end_s = end_s
        return Region(start_s, end_s, sum(scores) / len(scores), max(scores), continues)
