"""The landmarks of a hand (Zhang et al., MediaPipe Hands, 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image
from reelscope_vision.nets.blaze import Detection
from reelscope_vision.nets.crops import Square

SIZE: Final = 224
POINTS: Final = 21
WRIST: Final = 0
THUMB: Final = (1, 2, 3, 4)
INDEX: Final = (5, 6, 7, 8)
MIDDLE: Final = (9, 10, 11, 12)
RING: Final = (13, 14, 15, 16)
LITTLE: Final = (17, 18, 19, 20)
"""Points of each finger from the palm to the tip."""

_OUTPUTS: Final = ("Identity", "Identity_1", "Identity_2")
"""Points in pixels of the crop, presence, and the probability of a right hand, in pictures that are not mirrored."""

_PALM_SIDE: Final = 2.6
_PALM_SHIFT: Final = 0.5
"""A hand is so many palms large, and its middle so many palms towards the fingers."""

_HAND_SIDE: Final = 2.0
_HAND_SHIFT: Final = 0.1
"""The same of the box about the knuckles and the wrist, from which the next picture's hand is looked for."""

_PALM: Final = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)


@dataclass(frozen=True, slots=True)
class Landmarks:
    """A hand's points.

    Attributes:
        points: Shape [21, 3], x and y in pixels of the picture, z in the same unit, smaller is nearer.
        presence: Probability that there is a hand, in [0,1].
        left: Probability that it is the person's left hand, in [0,1].
    """

    points: NDArray[np.float64]
    presence: float
    left: float

    @property
    def box(self) -> NDArray[np.float64]:
        """Left, top, right, bottom of the points, in pixels."""
        plane = self.points[:, :2]
        return np.concatenate([plane.min(axis=0), plane.max(axis=0)])

    def square(self) -> Square:
        """Where to look for it in the next picture: upright, from the wrist to the knuckles."""
        plane = self.points[:, :2]
        knuckles = (plane[INDEX[0]] + plane[RING[0]]) / 2
        towards = (knuckles + plane[MIDDLE[0]]) / 2 - plane[WRIST]
        angle = float(np.arctan2(towards[1], towards[0]) + np.pi / 2)
        low, high = plane[list(_PALM)].min(axis=0), plane[list(_PALM)].max(axis=0)
        return _ahead((low + high) / 2, float((high - low).max()), angle, _HAND_SIDE, _HAND_SHIFT)


def square_of(palm: Detection) -> Square:
    """Where the hand of a palm is: from the wrist towards the middle finger's knuckle."""
    towards = palm.keypoints[2] - palm.keypoints[0]
    angle = float(np.arctan2(towards[1], towards[0]) + np.pi / 2)
    low, high = palm.box[:2], palm.box[2:]
    return _ahead((low + high) / 2, float((high - low).max()), angle, _PALM_SIDE, _PALM_SHIFT)


def _ahead(centre: NDArray[np.float64], side: float, angle: float, scale: float, shift: float) -> Square:
    x, y = centre + np.array([np.sin(angle), -np.cos(angle)]) * side * shift
    return Square(float(x), float(y), max(side * scale, 1.0), angle)


def locate(model: Any, picture: Image, square: Square) -> Landmarks:  # noqa: ANN401 - the pool's wrapper
    """Points of the hand in a square of a picture [h, w, 3] RGB.

    Args:
        model: The loaded network, `run(outputs, feeds)`: input "input_1" [1, 224, 224, 3] RGB in 0..1.
        picture: Where the hand is.
        square: About the hand.
    """
    crop = square.cut(picture, SIZE).astype(np.float32) / 255.0
    raw, presence, right = (output.reshape(-1) for output in model.run(list(_OUTPUTS), {"input_1": crop[None]}))
    points = raw.reshape(POINTS, 3).astype(np.float64)
    plane = square.to_picture(points[:, :2], SIZE)
    return Landmarks(
        np.concatenate([plane, points[:, 2:] * square.side / SIZE], axis=1), float(presence[0]), 1.0 - float(right[0])
    )
