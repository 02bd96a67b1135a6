"""What is known of one person in one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Person:
    """One person in one frame.

    Attributes:
        track: Number of the track.
        box: Shape [4], x, y, w, h in frame sizes.
        keypoints: Shape [17, 3] in COCO's order (nets.movenet.KEYPOINTS): x, y in frame sizes, score in [0,1].
        score: In [0,1].
    """

    track: int
    box: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    score: float


@dataclass(frozen=True, slots=True)
class FramePersons:
    """The persons of one frame.

    Attributes:
        persons: In the order of their tracks.
        aspect: Width over height of the picture: x * aspect and y are in one unit.
        repeated: Whether the picture was so like the last one that was looked at that it has its persons. Those of a picture on
            the way between two looks are not repeated.
    """

    persons: tuple[Person, ...]
    aspect: float
    repeated: bool = False
