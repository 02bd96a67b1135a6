"""PP-OCRv6's text detector: where lines of text are, as rotated rectangles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image

_STRIDE: Final = 32
_MEAN: Final = 127.5

_INK: Final = 0.3
"""Probability from which a pixel belongs to a text's core."""

_LEAST_SCORE: Final = 0.55
"""Mean probability over a core; the authors' 0.5 to 0.7."""

_GROWN: Final = 1.6
"""The network draws a text's core, shrunk by area / circumference; this much of that is added again (Liao et al. 2020)."""

_LEAST_SIDE: Final = 3.0
_MOST_LINES: Final = 200


class Net(Protocol):
    """What is used of a loaded network."""

    def run(self, outputs: None, feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """All outputs for the inputs."""


@dataclass(frozen=True, slots=True)
class TextBox:
    """Where a line of text is.

    Attributes:
        corners: Shape [4, 2], pixels of the picture: left top, right top, right bottom, left bottom, as it is read.
        score: In [0,1].
    """

    corners: NDArray[np.float32]
    score: float

    @property
    def height(self) -> float:
        """Of the line, in pixels."""
        return float(np.linalg.norm(self.corners[3] - self.corners[0]))

    @property
    def width(self) -> float:
        """Of the line, in pixels."""
        return float(np.linalg.norm(self.corners[1] - self.corners[0]))


def find_text(net: Net, picture: Image, longest: int) -> list[TextBox]:
    """Lines of text in a picture, from the top down.

    Args:
        net: Input "x" [1, 3, h, w], BGR in -1..1, sides of multiples of 32; output the probability map [1, 1, h, w].
        picture: RGB.
        longest: Pixels of the longer side in which it is looked at; smaller pictures are not enlarged beyond twice.
    """
    height, width = picture.shape[:2]
    scale = min(longest / max(height, width), 2.0)
    size = [max(_STRIDE, round(side * scale / _STRIDE) * _STRIDE) for side in (width, height)]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    ink = net.run(None, {"x": _fed(np.asarray(small, np.uint8))})[0][0, 0]
    contours, _ = cv2.findContours((ink > _INK).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = [box for contour in contours[:_MOST_LINES] if (box := _box(contour, ink)) is not None]
    back = np.array([width / size[0], height / size[1]], np.float32)
    boxes = [TextBox(corners * back, score) for corners, score in found]
    return sorted(boxes, key=lambda one: float(one.corners[:, 1].mean()))


def _fed(picture: Image) -> NDArray[np.float32]:
    """The network's input for a picture of its size. Its channels are taken apart as bytes: a tenth of the time of floats."""
    channels = np.stack([cv2.extractChannel(picture, number) for number in (2, 1, 0)])
    fed = channels[None].astype(np.float32)
    fed -= _MEAN
    fed /= _MEAN
    return fed


def _box(contour: NDArray[np.int32], ink: NDArray[np.float32]) -> tuple[NDArray[np.float32], float] | None:
    middle, (width, height), angle = cv2.minAreaRect(contour)
    if min(width, height) < _LEAST_SIDE:
        return None
    score = _mean_inside(np.asarray(cv2.boxPoints((middle, (width, height), angle)), np.float32), ink)
    if score < _LEAST_SCORE:
        return None
    grown = _GROWN * width * height / (2 * (width + height))
    corners = cv2.boxPoints((middle, (width + 2 * grown, height + 2 * grown), angle))
    return _in_order(np.asarray(corners, np.float32)), score


def _mean_inside(corners: NDArray[np.float32], ink: NDArray[np.float32]) -> float:
    low = np.floor(corners.min(axis=0)).astype(int).clip(0)
    high = np.ceil(corners.max(axis=0)).astype(int) + 1
    part = ink[low[1] : high[1], low[0] : high[0]]
    mask = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(mask, [(corners - low).astype(np.int32)], 1)
    return float(cv2.mean(part, mask)[0])


def _in_order(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """From the left top corner clockwise; of an upright rectangle that is that of the text."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = by_x[:2], by_x[2:]
    left, right = left[np.argsort(left[:, 1])], right[np.argsort(right[:, 1])]
    return np.array([left[0], right[0], right[1], left[1]], np.float32)
