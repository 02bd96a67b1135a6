"""Events from scores: hysteresis for each family of classes, while the scores come in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_audio.tagging.taxonomy import Family

ON: Final = 0.3
"""Score that opens an event. YAMNet's scores are not calibrated: clear sounds reach 0.5 to 1, confusions stay below 0.3."""

OFF: Final = 0.15
"""Score that closes it."""

MERGE_GAP_S: Final = 0.6
"""Pauses within barking or honking are shorter."""

BRIEF_S: Final = 0.75
BRIEF_PEAK: Final = 0.5
"""An event of up to three steps must be clear: one odd patch of 0.96 s can fill them."""

MAX_EVENT_S: Final = 300.0
"""Longer events are given in pieces, so that results come and memory stays bounded in files of hours."""

COVERED_SHARE: Final = 0.5
"""A container is left out where so much of it lies beside one of its contents."""


@dataclass(slots=True)
class Event:
    """An event that is open or over.

    Attributes:
        family: What it is.
        start_s: Start.
        end_s: End of its last step above the threshold.
        peak: Highest score.
        total: Sum of the scores of its steps, times their length.
    """

    family: Family
    start_s: float
    end_s: float
    peak: float
    total: float

    @property
    def mean(self) -> float:
        """Mean score."""
        return self.total / max(self.end_s - self.start_s, 1e-9)


@dataclass(slots=True)
class EventTracker:
    """Takes the families' scores step by step; gives events once they are over.

    Attributes:
        families: In the order of the scores.
    """

    families: Sequence[Family]
    _open: dict[int, Event] = field(default_factory=dict)
    _past: list[Event] = field(default_factory=list)

    def feed(self, start_s: float, end_s: float, scores: NDArray[np.float32]) -> Iterable[Event]:
        """Takes one step.

        Args:
            start_s: Start of the step.
            end_s: End.
            scores: Shape [families].
        """
        for index in sorted({*np.flatnonzero(scores >= ON).tolist(), *self._open}):
            score = float(scores[index])
            event = self._open.get(index)
            if event is None:
                self._open[index] = Event(self.families[index], start_s, end_s, score, score * (end_s - start_s))
            elif score >= OFF:
                event.total += score * (end_s - start_s)
                event.end_s, event.peak = end_s, max(event.peak, score)
                if event.end_s - event.start_s >= MAX_EVENT_S:
                    yield from self._close(index)
            elif end_s - event.end_s > MERGE_GAP_S:
                yield from self._close(index)

    def finish(self) -> Iterable[Event]:
        """The scores are over."""
        for index in sorted(self._open, key=lambda index: self._open[index].start_s):
            yield from self._close(index)

    def _close(self, index: int) -> Iterable[Event]:
        event = self._open.pop(index)
        is_real = event.end_s - event.start_s >= BRIEF_S or event.peak >= BRIEF_PEAK
        if is_real and not (event.family.covered_by and self._is_covered(event)):
            yield event
        self._past.append(replace(event))
        oldest = min((other.start_s for other in self._open.values()), default=event.end_s)
        self._past = [other for other in self._past if other.end_s > oldest]

    def _is_covered(self, event: Event) -> bool:
        spans = sorted(
            (max(other.start_s, event.start_s), min(other.end_s, event.end_s))
            for other in (*self._past, *self._open.values())
            if not event.family.covered_by.isdisjoint(other.family.members)
        )
        covered, reached = 0.0, event.start_s
        for start_s, end_s in spans:
            covered += max(0.0, end_s - max(start_s, reached))
            reached = max(reached, end_s)
        return covered >= COVERED_SHARE * (event.end_s - event.start_s)
