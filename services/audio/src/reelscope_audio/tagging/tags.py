"""What a tagging network says of a moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Label:
    """A class of AudioSet.

    Attributes:
        name: Display name.
        mid: Machine id; empty where the model does not know it.
    """

    name: str
    mid: str


@dataclass(frozen=True, slots=True)
class Tags:
    """Scores of one step.

    Attributes:
        labels: The model's classes.
        scores: Shape [classes], 0..1 each for itself.
    """

    labels: tuple[Label, ...]
    scores: NDArray[np.float32]


Step = tuple[float, NDArray[np.float32]]
"""Until when it stands, seconds since the first sample, and the scores [classes]; it begins where the one before ends."""


class Tagger(Protocol):
    """A network over a stream of mono samples at 16 kHz."""

    labels: tuple[Label, ...]

    def feed(self, samples: NDArray[np.float32]) -> Iterable[Step]:
        """Takes samples; gives the steps that they complete."""

    def finish(self) -> Iterable[Step]:
        """The stream is over: gives the rest."""
