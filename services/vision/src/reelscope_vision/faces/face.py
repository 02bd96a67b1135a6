"""What is known of one face in one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image

CROP_SIZE = 224
"""Side of the aligned crops, in pixels."""

CROP_MARGIN = 1.2
"""The crop is so many times as large as the face: what the age network wants; others cut their own from its middle."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame.

    Attributes:
        track: Number of the track.
        box: Shape [4], x, y, w, h of the mesh in frame sizes.
        points: Shape [478, 3] float32 (see nets.face_mesh): x in frame widths, y in frame heights, z in frame widths.
        score: Of the detector when it last saw the face, in [0,1].
        presence: The mesh network's probability that this is a face, in [0,1].
        crop: Upright face [224, 224, 3], five times a second; None in between.
    """

    track: int
    box: NDArray[np.float64]
    points: NDArray[np.float32]
    score: float
    presence: float
    crop: Image | None = None


@dataclass(frozen=True, slots=True)
class FrameFaces:
    """The faces of one frame.

    Attributes:
        faces: In the order of their tracks.
        aspect: Width over height of the picture.
        repeated: Whether the picture was like the last one that was looked at, and has its faces.
    """

    faces: tuple[Face, ...]
    aspect: float
    repeated: bool = False
