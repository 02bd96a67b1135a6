"""Black bars around a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_vision.quality.measures import Luma

_DARK: Final = 32
"""Luma up to which a pixel may be of a bar: coded black with its ringing."""

_SPECKS: Final = 0.005
"""Share of a line's pixels that may be lighter."""

_SPREAD: Final = 2.5
"""Grey levels of deviation within a bar: the dark part of an underexposed scene has more."""

_STEP: Final = 8.0
"""Grey levels by which the picture is lighter than its bar where it begins: a night sky grows lighter slowly."""

_LIT: Final = 0.2
"""Share of lighter pixels in the first lines of a picture beside its bar: a small thing on an empty screen has fewer."""

_EDGE_LINES: Final = 4
"""Lines of the picture that are compared with the bar: between the two may be some in which they are mixed."""

_LEAST_SHARE: Final = 0.015
"""Of the side: thinner bars are leftovers of cropping, and no layout."""

_MOST_SHARE: Final = 0.42
"""Of the side: a wide film in the middle of a vertical clip has bars of 0.38 above and below. More is an empty screen with
something small on it."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Shares of the height or width that bars take, in [0,1]."""

    top: float = 0.0
    bottom: float = 0.0
    left: float = 0.0
    right: float = 0.0

    def inside(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture (or its luma) without them, contiguous."""
        height, width = picture.shape[:2]
        rows = slice(round(self.top * height), height - round(self.bottom * height))
        return np.ascontiguousarray(picture[rows, round(self.left * width) : width - round(self.right * width)])


def bars(luma: Luma) -> Bars:
    """Finds the bars; a picture that is all dark has none."""
    height = luma.shape[0]
    top = _leading(luma)
    bottom = _leading(luma[::-1])
    # Pillars are looked for between the horizontal bars, in which all columns are dark.
    turned = np.ascontiguousarray(luma[round(top * height) : height - round(bottom * height)].T)
    return Bars(top, bottom, _leading(turned), _leading(turned[::-1]))


def _leading(luma: Luma) -> float:
    """Share of the lines, from the first one on, that are a bar."""
    lines = len(luma)
    least = max(1, round(_LEAST_SHARE * lines))
    if not _are_dark(luma[:least]).all():
        return 0.0
    dark = _are_dark(luma)
    end = int(dark.argmin())
    if dark[end] or end > _MOST_SHARE * lines:
        return 0.0
    beside = luma[end : end + _EDGE_LINES]
    mean, deviation = (float(one[0, 0]) for one in cv2.meanStdDev(luma[: max(least, end - 1)]))
    is_bar = (
        deviation <= _SPREAD
        and float(beside.mean(axis=1).max()) - mean >= _STEP
        and float((beside > _DARK).mean(axis=1).max()) >= _LIT
    )
    return end / lines if is_bar else 0.0


def _are_dark(lines: Luma) -> NDArray[np.bool_]:
    light = cv2.threshold(lines, _DARK, 255, cv2.THRESH_BINARY)[1]
    return np.asarray(cv2.reduce(light, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel() <= _SPECKS * 255)
