"""Parts of a picture in which faces are looked for: each shows faces of some size at the size that the detector sees best.

The detector looks at 192 pixels: a face must be about 19 of them high to be found, and must not be larger than the view.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image
from reelscope_vision.nets.blaze import Detection
from reelscope_vision.sampling.cells import CELL_CHANGE
from reelscope_vision.scaling import shrunk

_AFAR: Final = 0.5
"""The picture among black that is as large again: a face that fills it, or is cut by its edges, is whole then."""

_TILE: Final = 0.5
"""Side of the small tiles, in picture heights: faces of a twentieth of the height are 19 pixels of the detector's then."""

_LONG: Final = 1.25
"""Pictures longer than this are looked at in tiles as large as their shorter side too: profiles are told by the whole head and
shoulders, which small tiles cut."""

_LEAST_SIDE: Final = 48
"""Pixels of a tile: a head and shoulders of a face that is large enough to be told."""

_OVERLAP: Final = 0.1
"""Of neighbouring tiles, in lengths of the picture's longer side: the faces that are large enough to be found without tiles."""

_REACH: Final = 3.0
"""A face is looked for closely within so many of its sizes to each side."""

_LARGE: Final = 0.5
"""Size of a face, in shorter sides of the picture, from which it is seen better from afar."""

_GRID: Final = 12
"""Cells on a side in which a tile is compared with what it was."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of a picture, or all of it from further away.

    Attributes:
        picture: What the detector is shown, RGB.
        x: Left edge, in pixels of the whole picture; negative where there is a margin.
        y: Upper edge.
        scale: Pixels of the whole picture a pixel of the view.
    """

    picture: Image
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0

    def back(self, detection: Detection) -> Detection:
        """What was found here, in pixels of the whole picture."""
        offset = np.array([self.x, self.y])
        box = detection.box * self.scale + np.tile(offset, 2)
        return Detection(box, detection.keypoints * self.scale + offset, detection.score)


def afar(picture: Image) -> View:
    """The picture from twice as far."""
    height, width = picture.shape[:2]
    size = max(1, round(_AFAR * width)), max(1, round(_AFAR * height))
    small = shrunk(picture, size)
    y, x = ((whole - inner) // 2 for whole, inner in zip((height, width), small.shape[:2], strict=True))
    canvas = cv2.copyMakeBorder(small, y, y, x, x, cv2.BORDER_CONSTANT).astype(np.uint8, copy=False)
    return View(canvas, -x / _AFAR, -y / _AFAR, 1 / _AFAR)


def surroundings(picture: Image, box: NDArray[np.float64]) -> View:
    """Where a face was last, or may have gone since, at the size at which it is seen best."""
    height, width = picture.shape[:2]
    if float((box[2:] - box[:2]).max()) > _LARGE * min(height, width):
        return afar(picture)
    reach = _REACH * max(float((box[2:] - box[:2]).max()), 1.0)
    x, y = (box[:2] + box[2:]) / 2
    left, top = (int(np.clip(value - reach, 0, size - 1)) for value, size in ((x, width), (y, height)))
    right, bottom = (int(np.clip(value + reach, low + 1, size)) for value, low, size in ((x, left, width), (y, top, height)))
    return View(np.ascontiguousarray(picture[top:bottom, left:right]), left, top)


@dataclass(slots=True)
class Tiles:
    """Square parts that overlap, in which small faces are large enough; each is shown again only once it has changed."""

    _seen: dict[tuple[int, int, int], NDArray[np.float32]] = field(default_factory=dict)

    def changed(self, picture: Image) -> list[View]:
        """Tiles that are not as they were when they were last given."""
        height, width = picture.shape[:2]
        overlap = round(_OVERLAP * max(height, width))
        views = []
        for left, top, side in _places(width, height, overlap):
            part = np.ascontiguousarray(picture[top : top + side, left : left + side])
            cells = shrunk(part, (_GRID, _GRID)).astype(np.float32)
            before = self._seen.get((left, top, side))
            if before is None or float(np.abs(cells - before).max()) > CELL_CHANGE:
                self._seen[left, top, side] = cells
                views.append(View(part, left, top))
        return views


def _places(width: int, height: int, overlap: int) -> list[tuple[int, int, int]]:
    """Left, top and side of every tile; none in a picture that is too thin to show a face."""
    shorter, longer = sorted((width, height))
    sides = [shorter] if longer >= _LONG * shorter else []
    fine = max(round(_TILE * height), 2 * overlap)
    if not sides or fine * _LONG <= shorter:
        sides.append(min(fine, shorter))
    return [
        (x, y, side)
        for side in sides
        if side >= _LEAST_SIDE
        for y in _starts(height, side, overlap)
        for x in _starts(width, side, overlap)
    ]


def _starts(size: int, side: int, overlap: int) -> list[int]:
    """Where tiles begin along one side of a picture."""
    count = 1 + -(-(size - side) // (side - min(overlap, side // 2)))
    return [round(start) for start in np.linspace(0, size - side, count).tolist()]
