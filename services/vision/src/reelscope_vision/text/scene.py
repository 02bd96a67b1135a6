"""A sampled picture in which text is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2

from reelscope_runtime.media.items import Image
from reelscope_vision.text.line import Look
from reelscope_vision.text.strokes import Gray

_NOISE: Final = 12
"""Grey levels: a picture in which no pixel changes by more is the same picture, coded anew."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture to look at.

    Attributes:
        picture: RGB.
        gray: The same, shape [h, w].
        now: When.
        absent: The last look at which what is new now was not there.
    """

    picture: Image
    gray: Gray
    now: Look
    absent: Look | None

    def is_like(self, gray: Gray) -> bool:
        """Whether another picture shows nothing else."""
        return self.gray.shape == gray.shape and cv2.norm(self.gray, gray, cv2.NORM_INF) <= _NOISE
