"""Silence, speech, music, noise or another sound: the kind of each step, and stretches of one kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_audio.measures.accumulator import Accumulator
from reelscope_audio.tagging.taxonomy import MUSIC, NOISE, SPEECH, expand

SILENCE_DBFS: Final = -60.0
"""RMS level below which it is silent: room tone of a quiet recording lies about -60 to -50 dBFS."""

SILENCE_POWER: Final = 10 ** (SILENCE_DBFS / 10)

CLEAR_SCORE: Final = 0.3
"""Score from which a class names the kind."""

NOISE_FLATNESS: Final = 0.3
"""Spectral flatness of a step that nothing else names: white noise has 0.56, filtered noise more than 0.3."""

MIN_STRETCH_S: Final = 0.9
"""Shorter changes of kind are taken for a hesitation of the network, whose patches last 0.96 s."""

MIN_SILENCE_S: Final = 0.4
"""Silence is measured, not guessed, so shorter ones, and shorter sounds between them, count."""

MAX_STRETCH_S: Final = 300.0
"""Longer stretches are given in pieces, so that results come and memory stays bounded in files of hours."""

KINDS: Final = ("silence", "speech", "music", "noise", "sound")


@dataclass(slots=True)
class Step:
    """One step with its kind.

    Attributes:
        start_s: Start.
        end_s: End.
        kind: One of `KINDS`.
        score: How sure, 0..1.
        measures: Of its audio.
    """

    start_s: float
    end_s: float
    kind: str
    score: float
    measures: Accumulator


@dataclass(slots=True)
class Stretch:
    """Steps of one kind in a row."""

    start_s: float
    end_s: float
    kind: str
    score_s: float
    measures: Accumulator

    @property
    def confidence(self) -> float:
        """Mean score over its time."""
        return min(1.0, self.score_s / max(self.end_s - self.start_s, 1e-9))


class KindClassifier:
    """Names the kind of a step.

    Args:
        names: Classes of the tagging model.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._speech, self._music, self._noise = (list(expand(stretches, names)) for stretches in (SPEECH, MUSIC, NOISE))
        known = {*self._speech, *self._music, *self._noise, *expand((("Silence", "Field recording"),), names)}
        self._other = [index for index in range(len(names)) if index not in known]

    def classify(self, scores: NDArray[np.float32], measures: Accumulator) -> tuple[str, float]:
        """Kind and score of a step with these class scores and measures."""
        if measures.power < SILENCE_POWER:
            return "silence", 1.0
        speech, music, noise, other = (
            float(scores[group].max()) if group else 0.0 for group in (self._speech, self._music, self._noise, self._other)
        )
        best, kind = max((speech, "speech"), (music, "music"), (noise, "noise"))
        # Music and speech go on under other sounds, so they need only be clear, not the strongest.
        if kind != "noise" and best >= CLEAR_SCORE and best >= other / 2:
            return kind, best
        if noise >= CLEAR_SCORE and (noise >= other or measures.flatness >= NOISE_FLATNESS):
            return "noise", noise
        if other < CLEAR_SCORE and measures.flatness >= NOISE_FLATNESS:
            return "noise", min(1.0, measures.flatness / 0.56)
        return "sound", max(other, CLEAR_SCORE)


@dataclass(slots=True)
class StretchBuilder:
    """Joins steps to stretches, without those that are too short to be true."""

    _current: Stretch | None = None
    _waiting: list[Step] = field(default_factory=list)

    def feed(self, step: Step) -> Iterable[Stretch]:
        """Takes the next step; gives a stretch once the next one has begun for certain."""
        current = self._current
        if current is None:
            self._current = _begin(step)
            return
        if step.kind == current.kind:
            for waiting in self._waiting:
                _extend(current, waiting)
            self._waiting.clear()
            _extend(current, step)
            if current.end_s - current.start_s >= MAX_STRETCH_S:
                yield current
                self._current = None
            return
        if self._waiting and step.kind != self._waiting[-1].kind:
            # Neither the old kind nor one new kind: the oldest doubt goes to the stretch before.
            for waiting in self._waiting:
                _extend(current, waiting)
            self._waiting.clear()
        self._waiting.append(step)
        needed = MIN_SILENCE_S if "silence" in {step.kind, current.kind} else MIN_STRETCH_S
        if step.end_s - self._waiting[0].start_s >= needed:
            yield current
            self._current = _begin(self._waiting[0])
            for waiting in self._waiting[1:]:
                _extend(self._current, waiting)
            self._waiting.clear()

    def finish(self) -> Iterable[Stretch]:
        """There are no more steps."""
        if self._current is not None:
            for waiting in self._waiting:
                _extend(self._current, waiting)
            yield self._current


def _begin(step: Step) -> Stretch:
    return Stretch(step.start_s, step.end_s, step.kind, step.score * (step.end_s - step.start_s), step.measures)


def _extend(stretch: Stretch, step: Step) -> None:
    stretch.end_s = step.end_s
    stretch.measures.add(step.measures)
    if step.kind == stretch.kind:
        stretch.score_s += step.score * (step.end_s - step.start_s)
