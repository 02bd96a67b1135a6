"""Whether a face's eyes are as they were, if elsewhere: then its mesh is, and need not be found again."""

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

_CHANGE: Final = 0.4
"""Mean difference, in standard deviations of the cells, from which an eye has moved or its lid has. Lids reach it in the first
frame of every blink, talkers whose heads are followed in a tenth of the others."""

_BAND: Final = 0.25
"""A head is followed by what is between its eyes and so far above and below, in widths of both: brows, and much of the nose."""

_REACH: Final = 0.06
"""Widths of both eyes by which a head is followed; a faster one is found anew."""

_MOST_WIDTH: Final = 64
"""Pixels of both eyes together in which a head is followed: larger ones are shrunk for it."""

_LEAST_LIKENESS: Final = 0.5
"""Correlation of a head from which it is followed; of talkers it is 0.9 and more."""

_LEAST_WIDTH: Final = 40
"""Pixels of both eyes together: of smaller ones a pixel, by which heads are followed, hides a blink."""

_LEAST_CONTRAST: Final = 4.0
"""Grey levels: of a face in the dark, noise is no movement."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels."""

Step = tuple[float, float]
"""To the right and down, in pixels."""


@dataclass(frozen=True, slots=True)
class EyeLook:
    """Both eyes of a face, as they looked when its mesh was found.

    Attributes:
        boxes: Left, top, right, bottom of each eye in whole pixels.
        cells: Shape [4, 6] each, in grey levels.
        band: The box of both and of what is about them.
        scale: At which a head is followed, up to 1.
        gray: What is in the band at this scale, in grey levels.
        head: What of it goes with the head, 1: all but the eyes, which move by themselves.
    """

    boxes: tuple[Box, ...]
    cells: tuple[NDArray[np.float32], ...]
    band: Box
    scale: float
    gray: NDArray[np.float32]
    head: NDArray[np.float32]

    @classmethod
    def of(cls, picture: Image, mesh: Mesh) -> EyeLook:
        """The eyes of a face in a picture [h, w, 3] RGB."""
        boxes = tuple(_box(mesh.points[list(eye), :2], picture) for eye in (RIGHT_EYE, LEFT_EYE))
        band = _grown(_around(boxes), 0, round(_BAND * _width(boxes)), picture)
        scale = min(1.0, _MOST_WIDTH / max(1, _width(boxes)))
        if scale * min(band[2] - band[0], band[3] - band[1]) < 1:  # of a picture that is a line
            scale = 1.0
        gray = _gray(picture, band, scale)
        head = np.ones_like(gray)
        for box in boxes:
            left, top, right, bottom = (round(scale * (side - band[at % 2])) for at, side in enumerate(box))
            head[top:bottom, left:right] = 0.0
        return cls(boxes, tuple(_cells(picture, box, (0.0, 0.0)) for box in boxes), band, scale, gray, head)

    def step_to(self, picture: Image) -> Step | None:
        """How far right and down the eyes are in a later picture of the same size, in pixels; None where they are others there.
        Its light may be another."""
        # Where the head is first: lids that close while it rises look as open as before, at the old place.
        step = self._step(picture) if _width(self.boxes) >= _LEAST_WIDTH else (0.0, 0.0)
        are_alike = (
            _difference(before, _cells(picture, box, step)) <= _CHANGE
            for box, before in zip(self.boxes, self.cells, strict=True)
        )
        return step if all(are_alike) else None

    def _step(self, picture: Image) -> Step:
        """To where the band is most like it was."""
        reach = max(1, round(_REACH * _width(self.boxes)))
        area = _grown(self.band, reach, reach, picture)
        seen = _gray(picture, area, self.scale)
        likeness = np.asarray(cv2.matchTemplate(seen, self.gray, cv2.TM_CCOEFF_NORMED, mask=self.head), np.float32)
        _, best, _, (x, y) = cv2.minMaxLoc(likeness)
        if not best >= _LEAST_LIKENESS:  # nor is it where all is plain, and likeness no number
            return 0.0, 0.0
        right = area[0] - self.band[0] + (x + _summit(likeness[y], x)) / self.scale
        down = area[1] - self.band[1] + (y + _summit(likeness[:, x], y)) / self.scale
        return right, down


def _summit(heights: NDArray[np.float32], at: int) -> float:
    """How far from the highest of some points, a pixel apart, the parabola through it and its neighbours has its summit."""
    if not 0 < at < len(heights) - 1:
        return 0.0
    before, here, after = heights[at - 1 : at + 2].tolist()
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def _around(boxes: Sequence[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _width(boxes: Sequence[Box]) -> int:
    """Of both eyes together."""
    left, _, right, _ = _around(boxes)
    return right - left


def _grown(box: Box, across: int, down: int, picture: Image) -> Box:
    """A box grown to all sides, within the picture."""
    height, width = picture.shape[:2]
    left, top, right, bottom = box
    return max(0, left - across), max(0, top - down), min(width, right + across), min(height, bottom + down)


def _gray(picture: Image, box: Box, scale: float) -> NDArray[np.float32]:
    left, top, right, bottom = box
    gray = cv2.cvtColor(picture[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    if scale < 1.0:
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return gray.astype(np.float32)


def _box(eye: NDArray[np.float64], picture: Image) -> Box:
    low, high = eye.min(axis=0), eye.max(axis=0)
    margin = (0.0, _MARGIN * float(high[0] - low[0]))
    height, width = picture.shape[:2]
    left, top = np.clip((low - margin).round(), 0, (width - 2, height - 2)).astype(int).tolist()
    right, bottom = np.clip((high + margin).round(), (left + 2, top + 2), (width, height)).astype(int).tolist()
    return left, top, right, bottom


def _cells(picture: Image, box: Box, step: Step) -> NDArray[np.float32]:
    left, top, right, bottom = box
    middle = (left + right - 1) / 2 + step[0], (top + bottom - 1) / 2 + step[1]
    eye = cv2.getRectSubPix(picture, (right - left, bottom - top), middle)
    small = cv2.resize(eye, _CELLS, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _difference(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    change = after - before
    return float(np.abs(change - change.mean()).mean()) / max(float(before.std()), _LEAST_CONTRAST)
