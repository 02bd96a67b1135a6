"""Feature "frame_measures": numbers of every frame that effects are told from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Image, Item
from reelscope_runtime.media.sampling import RateSampler
from reelscope_vision.effects.layout import Layout, layout_of
from reelscope_vision.features.pictures import SEEN

_LONGEST: Final = 160
"""Pixels of the longer side on which frames are compared."""

CELLS: Final = 8
"""Cells on a side over which change is kept."""

_COARSE: Final = 32
"""Pixels on a side of the much smaller picture."""

_LAYOUT_RATE: Final = 2.0
"""Layouts a second: no editor changes them faster for long."""


@dataclass(frozen=True, slots=True)
class FrameMeasures:
    """Value of the items of the feature "frame_measures"; grey levels are of 0..255.

    Attributes:
        luma: Mean.
        spread: Standard deviation of the luma.
        chroma: Mean over the pixels of the largest difference between two of red, green and blue.
        detail: Mean of the absolute Laplacian: what a blur takes away.
        change: Mean absolute difference to the frame before; NaN for the first.
        cells: The same of a much smaller picture, over which things move by less than they are large, so that it grows with
            their speed; for each cell, shape [64] float16.
        symmetry: Correlation with the mirrored picture, -1..1.
        layout: Twice a second; None in between.
    """

    luma: float
    spread: float
    chroma: float
    detail: float
    change: float
    cells: NDArray[np.float16]
    symmetry: float
    layout: Layout | None


class FrameMeasuresFeature(Feature):
    """One item per frame, up to 30 a second; `index` is the number of the decoded frame."""

    name = "frame_measures"
    version = "1"
    frames = SEEN

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._before: NDArray[np.float32] | None = None
        self._coarse = np.zeros((_COARSE, _COARSE), np.float32)
        self._sampler = RateSampler(_LAYOUT_RATE)

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame."""
        small = _small(item.value)
        gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
        coarse = np.asarray(cv2.resize(gray, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA), np.float32)
        before, self._before = self._before, gray
        coarse_before, self._coarse = self._coarse, coarse
        cells = np.full(CELLS * CELLS, np.nan, np.float16)
        change = float("nan")
        if before is not None and before.shape == gray.shape:
            change = float(np.abs(gray - before).mean())
            moved = np.abs(coarse - coarse_before).reshape(CELLS, _COARSE // CELLS, CELLS, _COARSE // CELLS)
            cells = moved.mean(axis=(1, 3)).reshape(-1).astype(np.float16)
        value = FrameMeasures(
            luma=float(gray.mean()),
            spread=float(gray.std()),
            chroma=float((small.max(axis=2) - small.min(axis=2)).mean()),
            detail=float(np.abs(cv2.Laplacian(gray, cv2.CV_32F)).mean()),
            change=change,
            cells=cells,
            symmetry=_correlation(gray, gray[:, ::-1]),
            layout=layout_of(item.value) if self._sampler.wants(item.time_s, item.end_s) else None,
        )
        yield Item(self.name, item.time_s, item.end_s, item.index, value)


def _small(picture: Image) -> Image:
    scale = min(1.0, _LONGEST / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    left, right = first - first.mean(), second - second.mean()
    scale = float(np.sqrt(np.square(left).sum() * np.square(right).sum()))
    return float((left * right).sum()) / scale if scale > 0 else 0.0
