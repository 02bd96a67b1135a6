"""Shot sizes: how much of a person the frame's height takes in."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.persons.skeleton import BODY_OF_TORSO, skeleton

FACE_OF_BODY: Final = 0.085
"""Height of a face, brows to chin as the mesh has it, over the body's: a head is 1/7.5 of a body, that part of it 0.63."""

_SIZES: Final = (
    ("extreme_close_up", 6.5),
    ("close_up", 3.6),
    ("medium_close_up", 2.2),
    ("medium", 1.35),
    ("medium_wide", 1.02),
    ("wide", 0.35),
)
"""Height of the whole body, seen or not, over the frame's, from which on the shot has this size. A frame from the knees up
takes in 3/4 of a body, from the waist 1/2, from the chest 1/3, head and shoulders 1/5; the bounds lie between those."""


def of_face(height: float) -> float:
    """Height of the body over the frame's from that of a face."""
    return height / FACE_OF_BODY


def of_keypoints(keypoints: NDArray[np.float64], aspect: float) -> float | None:
    """The same from a skeleton's torso; None where it is not seen."""
    body = skeleton(0.0, keypoints, aspect)
    return None if body is None else body.torso * BODY_OF_TORSO


def shot_size(body: float) -> str:
    """The name of the size.

    Args:
        body: Height of the body over the frame's.
    """
    return next((name for name, least in _SIZES if body >= least), "extreme_wide")
