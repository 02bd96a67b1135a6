"""A few small frames a second, each measured once: light, colours, change, and how the picture moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, FrameSpec, Image, Item

Gray = NDArray[np.float32]
"""Lightness, shape [height, width], 0..1."""

SAMPLES_PER_S = 4.0
"""Enough to see a gesture or a pan begin within a quarter of a second."""
HISTOGRAM_BINS = (16, 4, 8)
"""Hue, saturation, value: hue tells most, as in PySceneDetect's ContentDetector."""
CUT_DISTANCE = 0.45
"""Hellinger distance of two frames' colour histograms above which, together with the change below, a new shot begins."""
CUT_CHANGE = 0.12
"""Mean absolute change of lightness that goes with a cut; a flicker of colour alone is none."""
STILL_CHANGE = 0.004
"""Below this mean change (1 of 255 grey levels) compression noise is all there is."""

COLOR_NAMES = ("black", "grey", "white", "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured frame.

    Attributes:
        brightness: Mean lightness, in [0,1].
        colors: Common colour names and their shares, most first.
        change: Mean absolute change of lightness since the sample before, in [0,1]; 0 for the first.
        shift: How far the picture's content moved since then, (right, down), in frame widths and heights.
        new_shot: Whether a new shot begins between the sample before and this one.
        thumbnail: 8x8 lightness, float32 in [0,1]: tells whether two moments look the same.
    """

    brightness: float
    colors: tuple[tuple[str, float], ...]
    change: float
    shift: tuple[float, float]
    new_shot: bool
    thumbnail: Gray


class Samples(Feature):
    """Items whose value is a `Sample`; `index` is the number of the decoded frame."""

    name = "samples"
    version = "1"
    frames = FrameSpec(160, 160, fps=SAMPLES_PER_S)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._gray: Gray | None = None
        self._histogram: Gray | None = None

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Measures one frame."""
        picture: Image = item.value
        hsv: Image = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(np.uint8, copy=False)
        gray: Gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)
        histogram = cv2.calcHist([hsv], [0, 1, 2], None, list(HISTOGRAM_BINS), [0, 180, 0, 256, 0, 256]).astype(np.float32)
        histogram /= max(float(histogram.sum()), 1.0)
        change, shift, new_shot = 0.0, (0.0, 0.0), False
        if self._gray is not None and self._histogram is not None and self._gray.shape == gray.shape:
            change = float(np.abs(gray - self._gray).mean())
            distance = float(cv2.compareHist(self._histogram, histogram, cv2.HISTCMP_BHATTACHARYYA))
            new_shot = distance > CUT_DISTANCE and change > CUT_CHANGE
            if not new_shot and change > STILL_CHANGE:
                shift = _shift(self._gray, gray)
        self._gray, self._histogram = gray, histogram
        sample = Sample(
            brightness=float(gray.mean()),
            colors=_colors(hsv),
            change=change,
            shift=shift,
            new_shot=new_shot,
            thumbnail=cv2.resize(gray, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float32, copy=False),
        )
        yield Item(self.name, item.time_s, item.end_s, item.index, sample)


def _shift(before: Gray, after: Gray) -> tuple[float, float]:
    """Translation by phase correlation (Kuglin & Hines 1975); (0, 0) where the peak is too weak to mean anything."""
    height, width = after.shape
    if min(height, width) < 16:  # noqa: PLR2004 - a window needs some pixels
        return 0.0, 0.0
    # OpenCV 5 multiplies its inputs by the window in place: it must not get ours.
    (right, down), response = cv2.phaseCorrelate(
        before.copy(), after.copy(), cv2.createHanningWindow((width, height), cv2.CV_32F)
    )
    if response < 0.1:  # noqa: PLR2004 - of 1 for a pure translation
        return 0.0, 0.0
    return right / width, down / height


def _colors(hsv: Image) -> tuple[tuple[str, float], ...]:
    """Shares of common colour names among the pixels, those above 10 %, most first."""
    hue, saturation, value = (hsv[..., channel].ravel().astype(np.int32) for channel in range(3))
    # OpenCV's hue runs to 180; edges between red, orange, yellow, green, cyan, blue, purple, pink and red again.
    named = np.searchsorted(np.array([8, 22, 34, 80, 98, 130, 148, 170]), hue, side="right") % 8 + 3
    gray = np.where(value < 50, 0, np.where(value > 200, 2, 1))  # noqa: PLR2004 - 8-bit levels
    index = np.where((saturation < 45) | (value < 40), gray, named)  # noqa: PLR2004
    shares = np.bincount(index, minlength=len(COLOR_NAMES)) / max(index.size, 1)
    order = np.argsort(-shares, kind="stable")
    return tuple((COLOR_NAMES[place], float(shares[place])) for place in order if shares[place] >= 0.1)  # noqa: PLR2004
