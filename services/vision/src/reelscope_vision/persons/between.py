"""Persons in a picture between two looks that found them nearly alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from reelscope_vision.persons.person import Person
from reelscope_vision.persons.skeleton import SEEN

_MOVED: Final = 0.08
"""Of a body's longer side: while no joint moves further from one look to the next, a third of a second later, what lies on the
way is as near to what the network would find there as its own trembling: 0.02 to 0.035, and at most 0.07, in people who talk,
gesticulate, squat and walk."""


def between(before: Sequence[Person], after: Sequence[Person], *, share: float, aspect: float) -> list[Person] | None:
    """The same persons on the way; None where that would be a guess: somebody came, left, or moved further.

    Args:
        before: Of a picture.
        after: Of a later one, in any order.
        share: How much of the way they have gone, in [0,1].
        aspect: Width over height of the pictures.
    """
    if len(before) != len(after):
        return None
    steps = np.array([[_step(first, second, aspect) for second in after] for first in before]).reshape(len(before), len(after))
    pairs: list[tuple[int, int]] = list(zip(*(part.tolist() for part in linear_sum_assignment(steps)), strict=True))
    if any(steps[pair] > _MOVED for pair in pairs):
        return None
    return [_on_the_way(before[first], after[second], share) for first, second in pairs]


def _step(first: Person, second: Person, aspect: float) -> float:
    """How far the joint that moved most did, in lengths of the body's longer side."""
    seen = (first.keypoints[:, 2] >= SEEN) | (second.keypoints[:, 2] >= SEEN)
    steps = (second.keypoints[seen, :2] - first.keypoints[seen, :2]) * (aspect, 1.0)
    size = max(float(first.box[2]) * aspect, float(first.box[3]), 1e-6)
    return float(np.linalg.norm(steps, axis=1).max(initial=0.0)) / size


def _on_the_way(first: Person, second: Person, share: float) -> Person:
    return replace(
        first,
        box=(1 - share) * first.box + share * second.box,
        keypoints=(1 - share) * first.keypoints + share * second.keypoints,
        score=(1 - share) * first.score + share * second.score,
    )
