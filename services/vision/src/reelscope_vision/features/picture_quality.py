"""Feature "picture_quality": what can be measured of single pictures at their native size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from reelscope_runtime.engine.node import Feature
from reelscope_runtime.media.items import AnyItem, FrameSpec, Image, Item
from reelscope_vision.quality.bars import Bars, bars
from reelscope_vision.quality.measures import blocks, exposure, noise
from reelscope_vision.quality.score import Measures, overall
from reelscope_vision.quality.sharpness import sharpness

SAMPLED_RATE: Final = 1.0
"""Pictures a second: quality changes with the shot, and a native picture costs as much as ten small ones."""

NATIVE: Final = FrameSpec(1920, 1920, fps=SAMPLED_RATE)
"""Not scaled up to full HD, so that noise, block edges and blur are as they were coded. Larger pictures are looked at as a
full HD screen shows them."""


@dataclass(frozen=True, slots=True)
class PictureQuality:
    """Value of the items of the feature "picture_quality".

    Attributes:
        measures: Of the picture between its bars.
        bars: Around it.
        overall: In [0,100].
    """

    measures: Measures
    bars: Bars
    overall: float


class PictureQualities(Feature):
    """One picture a second; `index` is the number of the decoded frame."""

    name = "picture_quality"
    version = "1"
    frames = NATIVE

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one picture and gives its measures."""
        yield Item(self.name, item.time_s, item.end_s, item.index, measured(item.value))


def measured(picture: Image) -> PictureQuality:
    """Everything that one picture tells."""
    luma = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    around = bars(luma)
    inside = around.inside(luma)
    levels, grid, deviation = exposure(inside), blocks(inside), noise(inside)
    steepness = sharpness(inside, levels.contrast, deviation, grid)
    measures = Measures(steepness, deviation, grid.strength, levels)
    return PictureQuality(measures, around, overall(measures))
