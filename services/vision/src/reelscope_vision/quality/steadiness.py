"""Steadiness of the camera, from the motion of the background."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from reelscope_vision.camera.flow import Flow

_HALF: Final = 0.004
"""Displacement against even motion, root mean square, in frame widths, that halves the measure: 4 pixels of 1080 ten times a
second is plain shake; a calm hand has 0.001, and the tracker itself errs by 0.0002."""

_LEAST_STEPS: Final = 3


@dataclass(slots=True)
class Jitter:
    """Sum over steps of motion; two add up.

    Attributes:
        squares: Of the displacement against even motion, in frame widths.
        steps: How many.
    """

    squares: float = 0.0
    steps: int = 0

    def add(self, other: Jitter) -> None:
        """Takes in other steps."""
        self.squares += other.squares
        self.steps += other.steps

    @property
    def stability(self) -> float | None:
        """In [0,1], 1 is at rest or in even motion; None where too little is known."""
        if self.steps < _LEAST_STEPS:
            return None
        return 1.0 / (1.0 + math.sqrt(self.squares / self.steps) / _HALF)


class Unsteadiness:
    """Compares each step of the motion with those before and after it, which a pan shares and a tremor does not."""

    def __init__(self) -> None:
        self._last: list[Flow] = []

    def cut(self) -> None:
        """What comes next does not go on from what was."""
        self._last.clear()

    def add(self, flow: Flow) -> Jitter:
        """Takes the next step; gives what can be said now of the one before."""
        if not flow.known or (self._last and flow.since_s < self._last[-1].since_s):
            self._last.clear()
            return Jitter()
        self._last = [*self._last[-2:], flow]
        if len(self._last) < _LEAST_STEPS:
            return Jitter()
        before, middle, after = self._last
        elapsed_s = after.since_s - middle.since_s
        away_x = (middle.x - (before.x + after.x) / 2) * elapsed_s
        away_y = (middle.y - (before.y + after.y) / 2) * elapsed_s / middle.aspect
        return Jitter(away_x**2 + away_y**2, 1)
