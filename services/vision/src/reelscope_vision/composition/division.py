"""Where within a shot the composition becomes another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.composition.candidate import Candidate

_MOVED: Final = 0.12
"""Of the picture: a subject that moves by more goes from the middle to a third line (1/6) most of the way."""

_GREW: Final = 1.5
"""Times as large, or as small: one step in the scale of shot sizes."""

_HELD_S: Final = 1.0
"""What is not held for so long is on the way, or a mistake of a detector."""

_REFERENCE: Final = 15
"""Samples at its start that say where the subject of a stretch is: one that drifts slowly leaves it in the end."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The subject of one picture.

    Attributes:
        time_s: Of the picture.
        subject: None where there is none.
        found: Everything that the picture may be about.
    """

    time_s: float
    subject: Candidate | None
    found: tuple[Candidate, ...] = ()

    @property
    def people(self) -> list[Candidate]:
        """The persons among them."""
        return [one for one in self.found if one.kind == "person"]


def divide(samples: Sequence[Sample], end_s: float) -> list[slice]:
    """Stretches of near constant composition, in order; together they are all samples.

    Args:
        samples: Of one shot.
        end_s: Of the shot.
    """
    found: list[slice] = []
    first = base = 0
    left: int | None = None
    for at, sample in enumerate(samples):
        if _is_same(samples[base : min(at, base + _REFERENCE)], sample):
            left = None
            continue
        left = at if left is None else left
        next_s = samples[at + 1].time_s if at + 1 < len(samples) else end_s
        if next_s - samples[left].time_s < _HELD_S or left == base:
            continue
        if samples[left].time_s - samples[first].time_s >= _HELD_S:
            found.append(slice(first, left))
            first = left
        base, left = left, None
    found.append(slice(first, len(samples)))
    return found


def _is_same(reference: Sequence[Sample], sample: Sample) -> bool:
    """Whether a sample goes on with what the first ones of the stretch show."""
    if not reference:
        return True
    known = [one.subject for one in reference if one.subject is not None]
    has_subject = 2 * len(known) >= len(reference)
    if sample.subject is None or not has_subject:
        return (sample.subject is None) != has_subject
    before = np.median([_place(one) for one in known], axis=0)
    now = _place(sample.subject)
    return bool(np.abs(now[:2] - before[:2]).max() <= _MOVED and abs(now[2] - before[2]) <= np.log(_GREW))


def _place(subject: Candidate) -> NDArray[np.float64]:
    """Focus, and the logarithm of the size in one direction."""
    x, y, _, size = subject.numbers[8:12].astype(np.float64)
    side = size if subject.kind == "person" else np.sqrt(max(size, 1e-6))
    return np.array([x, y, np.log(max(side, 1e-3))])
