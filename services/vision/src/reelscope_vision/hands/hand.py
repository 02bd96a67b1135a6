"""What is known of one hand in one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Hand:
    """One hand in one frame.

    Attributes:
        track: Number of the track.
        points: Shape [21, 3] (see nets.hand_landmark): x in frame widths, y in frame heights, z in frame widths.
        box: Shape [4], x, y, w, h in frame sizes.
        presence: The landmark network's probability that this is a hand, in [0,1].
        left: Probability that it is the person's left hand, in [0,1].
    """

    track: int
    points: NDArray[np.float64]
    box: NDArray[np.float64]
    presence: float
    left: float


@dataclass(frozen=True, slots=True)
class FrameHands:
    """The hands of one frame.

    Attributes:
        hands: In the order of their tracks.
        aspect: Width over height of the picture.
        repeated: Whether the picture was like the last one that was looked at, and has its hands.
    """

    hands: tuple[Hand, ...]
    aspect: float
    repeated: bool = False
