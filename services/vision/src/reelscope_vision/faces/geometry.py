"""Which way a head is turned, from its mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_RIGHT_SIDE: Final = 234
_LEFT_SIDE: Final = 454
_FOREHEAD: Final = 10
_CHIN: Final = 152
"""Outermost points of the mesh; the plane through them is the face's."""

_PROFILE_DEGREES: Final = 75.0
"""The mesh does not follow a head further round than this."""


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Angles in degrees, 0 where the face looks straight at the camera.

    Attributes:
        yaw: Positive where it looks to the right of the picture.
        pitch: Positive where it looks up.
        roll: Positive where it leans clockwise as seen.
    """

    yaw: float
    pitch: float
    roll: float

    @property
    def frontalness(self) -> float:
        """1 is frontal, 0 is profile."""
        return float(np.clip(1.0 - np.hypot(self.yaw, self.pitch) / _PROFILE_DEGREES, 0.0, 1.0))


def pixels(points: NDArray[np.float32], aspect: float) -> NDArray[np.float64]:
    """Points [n, 3] of a `Face` in one unit, frame heights, on all three axes."""
    scaled: NDArray[np.float64] = points.astype(np.float64) * (aspect, 1.0, aspect)
    return scaled


def head_pose(points: NDArray[np.float32], aspect: float) -> HeadPose:
    """The head's angles.

    Args:
        points: Shape [478, 3], of a `Face`.
        aspect: Width over height of the picture.
    """
    mesh = pixels(points, aspect)
    across, down = mesh[_LEFT_SIDE] - mesh[_RIGHT_SIDE], mesh[_CHIN] - mesh[_FOREHEAD]
    return HeadPose(
        # z grows away from the camera: the side that is nearer is the one that the face turns away from.
        yaw=float(np.degrees(np.arctan2(across[2], across[0]))),
        pitch=float(-np.degrees(np.arctan2(down[2], down[1]))),
        roll=float(np.degrees(np.arctan2(across[1], across[0]))),
    )
