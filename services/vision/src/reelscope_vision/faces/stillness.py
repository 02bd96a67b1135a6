"""Whether a face's eyes are as they were: then its mesh is, and need not be found again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image
from reelscope_vision.nets.face_mesh import LEFT_EYE, RIGHT_EYE, Mesh

_CELLS: Final = (6, 4)
"""Columns and rows in which an eye is compared: an iris covers some of them, and a tremble of the head hardly changes one."""

_MARGIN: Final = 0.1
"""Above and below the lids, in widths of the eye."""

_CHANGE: Final = 0.5
"""Mean difference, in standard deviations of the cells, from which an eye has moved or its lid has. Talkers' heads reach it in
half of the frames, lids in the first frame of every blink."""

_LEAST_CONTRAST: Final = 4.0
"""Grey levels: of a face in the dark, noise is no movement."""


@dataclass(frozen=True, slots=True)
class EyeLook:
    """Both eyes of a face, as they looked when its mesh was found.

    Attributes:
        boxes: Left, top, right, bottom of each eye in whole pixels.
        cells: Shape [4, 6] each, in grey levels.
    """

    boxes: tuple[Sequence[int], ...]
    cells: tuple[NDArray[np.float32], ...]

    @classmethod
    def of(cls, picture: Image, mesh: Mesh) -> EyeLook:
        """The eyes of a face in a picture [h, w, 3] RGB."""
        boxes = tuple(_box(mesh.points[list(eye), :2], picture) for eye in (RIGHT_EYE, LEFT_EYE))
        return cls(boxes, tuple(_cells(picture, box) for box in boxes))

    def is_in(self, picture: Image) -> bool:
        """Whether a later picture of the same size shows the same there; its light may be another."""
        return all(
            _difference(before, _cells(picture, box)) <= _CHANGE for box, before in zip(self.boxes, self.cells, strict=True)
        )


def _box(eye: NDArray[np.float64], picture: Image) -> Sequence[int]:
    low, high = eye.min(axis=0), eye.max(axis=0)
    margin = (0.0, _MARGIN * float(high[0] - low[0]))
    height, width = picture.shape[:2]
    left, top = np.clip((low - margin).round(), 0, (width - 2, height - 2)).astype(int).tolist()
    right, bottom = np.clip((high + margin).round(), (left + 2, top + 2), (width, height)).astype(int).tolist()
    return left, top, right, bottom


def _cells(picture: Image, box: Sequence[int]) -> NDArray[np.float32]:
    left, top, right, bottom = box
    small = cv2.resize(picture[top:bottom, left:right], _CELLS, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _difference(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    change = after - before
    return float(np.abs(change - change.mean()).mean()) / max(float(before.std()), _LEAST_CONTRAST)
