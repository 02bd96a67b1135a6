"""What a picture looks like as a whole, to tell places apart: its colours, and where its edges run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image
from reelscope_vision.color.oklab import from_srgb

_SIZE: Final = 64
"""Pixels on a side: a place is told by its larger parts."""

_LIGHTNESS: Final = 6
_CHROMA: Final = 8
_WIDEST: Final = 0.2
"""OKLab a and b beyond this fall into the outermost bins; sRGB reaches 0.3."""

_CELLS: Final = 4
_DIRECTIONS: Final = 8

_PLAIN: Final = 12.0
"""Grey levels: largest standard deviation of red, green and blue of a plain picture, small marks on it included."""

_COLOR_SHARE: Final = 0.65
"""Colours tell more of a place than edges, which move with the camera."""


@dataclass(frozen=True, slots=True)
class Look:
    """A picture in few numbers.

    Attributes:
        colors: Histogram over OKLab, sums to 1, float32.
        edges: Histogram of the edges' directions in 4 x 4 cells, of length 1 or 0, float32.
        is_plain: Whether it is of nearly one colour: black between two shots tells nothing of their places.
    """

    colors: NDArray[np.float32]
    edges: NDArray[np.float32]
    is_plain: bool


def look_of(picture: Image) -> Look:
    """Describes one picture, RGB."""
    small = np.asarray(cv2.resize(picture, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA), np.uint8)
    lab = from_srgb(small.reshape(-1, 3))
    light = np.clip((lab[:, 0] * _LIGHTNESS).astype(int), 0, _LIGHTNESS - 1)
    across, along = (
        np.clip(((lab[:, axis] + _WIDEST) / (2 * _WIDEST) * _CHROMA).astype(int), 0, _CHROMA - 1) for axis in (1, 2)
    )
    bins = (light * _CHROMA + across) * _CHROMA + along
    colors = np.bincount(bins, minlength=_LIGHTNESS * _CHROMA * _CHROMA) / len(bins)
    return Look(colors.astype(np.float32), _edges(small), is_plain=float(small.std(axis=(0, 1)).max()) < _PLAIN)


def _edges(small: Image) -> NDArray[np.float32]:
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
    across, down = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    strength, angle = cv2.cartToPolar(across, down)
    # An edge and its reverse are one: a direction, not a side.
    direction = ((angle / np.pi * _DIRECTIONS).astype(int) % _DIRECTIONS).reshape(-1)
    step = _SIZE // _CELLS
    rows, columns = np.divmod(np.arange(_SIZE * _SIZE), _SIZE)
    bins = ((rows // step) * _CELLS + columns // step) * _DIRECTIONS + direction
    found = np.bincount(bins, weights=strength.reshape(-1), minlength=_CELLS * _CELLS * _DIRECTIONS)
    length = float(np.linalg.norm(found))
    return np.asarray(found / length if length > 0 else found, np.float32)


def likeness(first: Look, second: Look) -> float:
    """How alike two pictures are, in [0,1]: Bhattacharyya's coefficient of the colours, cosine of the edges."""
    return float(signature(first) @ signature(second))


def signature(look: Look) -> NDArray[np.float32]:
    """What a picture looks like as one vector, shape [512]; the dot product of two is their likeness."""
    return np.concatenate([np.sqrt(_COLOR_SHARE * look.colors), np.float32(np.sqrt(1 - _COLOR_SHARE)) * look.edges])
