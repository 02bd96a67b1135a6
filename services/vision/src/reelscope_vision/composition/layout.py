"""What one picture as a whole tells: bars, symmetry, visual weight, sharpness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from reelscope_runtime.media.items import Image
from reelscope_vision.composition.focus import FocusGrid, focus_grid
from reelscope_vision.composition.saliency import Saliency, saliency
from reelscope_vision.composition.symmetry import likeness
from reelscope_vision.quality.bars import Bars, bars

_LONGEST: Final = 64
"""Pixels of the longer side in which weight and symmetry are measured: what a glance takes in."""


@dataclass(frozen=True, slots=True)
class PictureLayout:
    """Measures of a picture; all places are within the bars, in sizes of the picture between them.

    Attributes:
        bars: Around the picture, black or white.
        symmetry: Likeness of left and right, in [0,1].
        vertical_symmetry: Likeness of top and bottom, in [0,1].
        saliency: What stands out.
        focus: What is sharp.
    """

    bars: Bars
    symmetry: float
    vertical_symmetry: float
    saliency: Saliency
    focus: FocusGrid


def layout_of(picture: Image) -> PictureLayout:
    """Measures one picture, RGB."""
    luma = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    around = bars(luma)
    if around == Bars():
        around = bars(np.asarray(cv2.bitwise_not(luma), np.uint8))
    inside = around.inside(picture)
    scale = min(1.0, _LONGEST / max(inside.shape[:2]))
    size = (max(1, round(inside.shape[1] * scale)), max(1, round(inside.shape[0] * scale)))
    small = cv2.resize(inside, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    lab = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), np.float32)
    return PictureLayout(around, likeness(lab, 1), likeness(lab, 0), saliency(lab), focus_grid(around.inside(luma)))
