"""Oriented square crops: what networks for faces and hands look at, and the way back to the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image

Points = NDArray[np.float64]
"""Shape [n, 2], x and y in pixels."""

_ALIASING = 2.0
"""A crop that is shrunk by more than this is blurred first: `warpAffine` looks at four pixels only."""


@dataclass(frozen=True, slots=True)
class Square:
    """A square of a picture.

    Attributes:
        x: Centre, in pixels.
        y: Centre, in pixels.
        side: In pixels.
        angle: Of its upper edge to the picture's, in radians, clockwise as seen.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0

    def cut(self, picture: Image, size: int) -> Image:
        """The square upright as [size, size, 3]; black beyond the picture."""
        corners = self.to_picture(np.array([[0.0, 0.0], [size, 0.0], [0.0, size], [size, size]]), size)
        shrink = self.side / size
        source = picture
        if shrink > _ALIASING:
            # Only what the square covers needs the blur.
            bounds = picture.shape[1::-1]
            left, top = np.clip(np.floor(corners.min(axis=0) - shrink), 0, bounds).astype(int).tolist()
            right, bottom = np.clip(np.ceil(corners.max(axis=0) + shrink), 0, bounds).astype(int).tolist()
            if right <= left or bottom <= top:
                return np.zeros((size, size, picture.shape[2]), np.uint8)
            source = cv2.blur(picture[top:bottom, left:right], (round(shrink), round(shrink))).astype(np.uint8, copy=False)
            corners = corners - (left, top)
        matrix = cv2.getAffineTransform(corners[:3].astype(np.float32), np.array([[0, 0], [size, 0], [0, size]], np.float32))
        return cv2.warpAffine(source, matrix, (size, size), flags=cv2.INTER_LINEAR).astype(np.uint8, copy=False)

    def to_picture(self, points: Points, size: int) -> Points:
        """Points of the crop of that size, in the picture."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        turn = np.array([[cosine, sine], [-sine, cosine]])
        moved: Points = (points / size - 0.5) * self.side @ turn + np.array([self.x, self.y])
        return moved
