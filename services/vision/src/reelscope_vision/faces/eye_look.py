"""Whether a face's eyes are as they were, if elsewhere: then its mesh is, and need not be found again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
frame of every blink; in two of five frames of talkers, whose heads turn as well, a mesh is not as it was."""

_BAND: Final = 0.25
"""A head is followed by what is between its eyes and so far above and below, in widths of both: brows, and much of the nose."""

_REACH: Final = 0.06
"""Widths of both eyes by which a head is followed; a faster one is found anew."""

_MOST_WIDTH: Final = 64
"""Pixels of both eyes together in which a head is followed: larger ones are shrunk for it."""

_LEAST_LIKENESS: Final = 0.5
"""Correlation of a head from which it is followed; of talkers it is above 0.9 in 19 of 20 frames."""

_LEAST_WIDTH: Final = 40
"""Pixels of both eyes together: of smaller ones, what following errs by hides a blink."""

_LEAST_CONTRAST: Final = 4.0
"""Grey levels: of a face in the dark, noise is no movement."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels."""

Shift = tuple[float, float]
"""To the right and down, in pixels."""


@dataclass(frozen=True, slots=True)
class EyeLook:
    """Both eyes of a face, as they looked when its mesh was found.

    Attributes:
        boxes: Left, top, right, bottom of each eye in whole pixels.
        cells: Shape [4, 6] each, in grey levels.
        band: What a head is followed by; None: the eyes are too small for it.
    """

    boxes: tuple[Box, ...]
    cells: tuple[NDArray[np.float32], ...]
    band: Band | None

    @classmethod
    def of(cls, picture: Image, mesh: Mesh) -> EyeLook:
        """The eyes of a face in a picture [h, w, 3] RGB."""
        boxes = tuple(_box(mesh.points[list(eye), :2], picture) for eye in (RIGHT_EYE, LEFT_EYE))
        band = Band.of(picture, boxes) if _size(boxes) >= _LEAST_WIDTH else None
        return cls(boxes, tuple(_cells(picture, box, (0.0, 0.0)) for box in boxes), band)

    def shift_to(self, picture: Image) -> Shift | None:
        """How far right and down the eyes are in a later picture of the same size, in pixels; None where they are others there.
        Its light may be another."""
        # Where the head is first: lids that close while it rises look as open as before, at the old place.
        shift = (0.0, 0.0) if self.band is None else self.band.shift_to(picture)
        are_alike = (
            _difference(before, _cells(picture, box, shift)) <= _CHANGE
            for box, before in zip(self.boxes, self.cells, strict=True)
        )
        return shift if all(are_alike) else None


@dataclass(frozen=True, slots=True)
class Band:
    """The middle of a face, by which a head is followed.

    Attributes:
        box: Where it is.
        reach: Pixels to each side in which it is looked for.
        scale: At which it is, up to 1.
        gray: What is there at this scale, in grey levels.
        mask: What of it goes with the head, 1: all but the eyes, which move by themselves.
    """

    box: Box
    reach: int
    scale: float
    gray: NDArray[np.float32]
    mask: NDArray[np.float32]
    _origin: Shift

    @classmethod
    def of(cls, picture: Image, eyes: Sequence[Box]) -> Band:
        """That about the boxes of both eyes."""
        size = _size(eyes)
        box = _grown(_around(eyes), 0, round(_BAND * size), picture)
        scale = min(1.0, _MOST_WIDTH / size)
        if scale * min(box[2] - box[0], box[3] - box[1]) < 1:  # of a picture that is a line
            scale = 1.0
        gray = _gray(picture, box, scale)
        mask = np.ones_like(gray)
        for eye in eyes:
            left, top, right, bottom = (round(scale * (side - box[at % 2])) for at, side in enumerate(eye))
            mask[top:bottom, left:right] = 0.0
        band = cls(box, max(1, round(_REACH * size)), scale, gray, mask, (0.0, 0.0))
        # Peaks lean a little, and are cut off at the picture's edge: what its own picture gives is no shift.
        return replace(band, _origin=band.shift_to(picture))

    def shift_to(self, picture: Image) -> Shift:
        """To where it is most like it was; none where it is nowhere."""
        area = _grown(self.box, self.reach, self.reach, picture)
        found = cv2.matchTemplate(_gray(picture, area, self.scale), self.gray, cv2.TM_CCOEFF_NORMED, mask=self.mask)
        # Where all is plain there is no likeness: no number, or any.
        likeness = np.asarray(np.nan_to_num(found, nan=-1.0, posinf=-1.0, neginf=-1.0), np.float32)
        y, x = divmod(int(likeness.argmax()), likeness.shape[1])
        if likeness[y, x] < _LEAST_LIKENESS:
            return 0.0, 0.0
        right = area[0] - self.box[0] + (x + _subpixel_peak(likeness[y], x)) / self.scale
        down = area[1] - self.box[1] + (y + _subpixel_peak(likeness[:, x], y)) / self.scale
        return right - self._origin[0], down - self._origin[1]


def _subpixel_peak(heights: NDArray[np.float32], at: int) -> float:
    """How far from the highest of some points, a pixel apart, the parabola through it and its neighbours has its summit."""
    if not 0 < at < len(heights) - 1:
        return 0.0
    before, here, after = heights[at - 1 : at + 2].tolist()
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def _around(boxes: Sequence[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _size(boxes: Sequence[Box]) -> int:
    """Of both eyes together, along the longer side: a head may lie on its side."""
    left, top, right, bottom = _around(boxes)
    return max(right - left, bottom - top)


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


def _cells(picture: Image, box: Box, shift: Shift) -> NDArray[np.float32]:
    left, top, right, bottom = box
    middle = (left + right - 1) / 2 + shift[0], (top + bottom - 1) / 2 + shift[1]
    eye = cv2.getRectSubPix(picture, (right - left, bottom - top), middle)
    small = cv2.resize(eye, _CELLS, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _difference(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    change = after - before
    return float(np.abs(change - change.mean()).mean()) / max(float(before.std()), _LEAST_CONTRAST)
