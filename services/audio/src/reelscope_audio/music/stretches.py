"""Where there is music: the tagging network's scores, with hysteresis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BEGIN: Final = 0.3
"""Score of any class of music from which on there is music: YAMNet's are low under speech."""

GO_ON: Final = 0.15
"""And from which on it goes on."""

MAX_GAP_S: Final = 2.0
"""Music goes on over a shorter gap: a break, a word said loudly over it."""

MIN_STRETCH_S: Final = 2.0
"""Shorter ones are jingles at best, and mistakes at worst; unless the whole clip is no longer."""


@dataclass(frozen=True, slots=True)
class TagStep:
    """Scores of one step.

    Attributes:
        start_s: Start.
        end_s: End.
        music: Of the surest class of music.
    """

    start_s: float
    end_s: float
    music: float


@dataclass(frozen=True, slots=True)
class MusicStretch:
    """A stretch of music.

    Attributes:
        start_s: Start.
        end_s: End.
        confidence: Mean score.
    """

    start_s: float
    end_s: float
    confidence: float


def music_stretches(steps: Sequence[TagStep]) -> list[MusicStretch]:
    """Stretches of music in order."""
    spans: list[list[TagStep]] = []
    waiting: list[TagStep] = []
    is_open = False
    for step in steps:
        if step.music >= BEGIN or (is_open and step.music >= GO_ON):
            if spans and step.start_s - spans[-1][-1].end_s <= MAX_GAP_S:
                spans[-1].extend([*waiting, step])
            else:
                spans.append([step])
            waiting, is_open = [], True
        else:
            is_open = False
            waiting.append(step)
    least_s = min(MIN_STRETCH_S, 0.9 * (steps[-1].end_s - steps[0].start_s)) if steps else 0.0
    return [
        MusicStretch(span[0].start_s, span[-1].end_s, min(1.0, sum(step.music for step in span) / len(span)))
        for span in spans
        if span[-1].end_s - span[0].start_s >= least_s
    ]
