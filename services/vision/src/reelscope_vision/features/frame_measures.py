"""Feature "frame_measures": numbers of every frame that effects are told from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Image, Item
from reelscope_runtime.media.sampling import RateSampler
from reelscope_vision.effects.layout import layout_of
from reelscope_vision.effects.measures import CELLS, FrameMeasures
from reelscope_vision.features.pictures import SEEN

_LONGEST: Final = 160
"""Pixels of the longer side, about, on which frames are compared: each is the mean of a whole number of pixels, which is
several times cheaper than a fraction."""

_COARSE: Final = 32
"""Pixels on a side of the much smaller picture."""

_LEVELS: Final = 32
_ONE_LEVEL: Final = 0.4
"""Share of the pixels that have one of 32 brightnesses in a card; hardly a picture has a fifth in one."""

_FARTHEST_FRINGE: Final = 8
_LEAST_FRINGE: Final = 2
"""Pixels of the small picture by which red and blue may be apart; lenses do less than one."""

_FITS, _FITS_BETTER = 0.5, 1.3
"""Correlation of the edges of red and blue where they fit best, and times that in place."""

_LAYOUT_RATE: Final = 2.0
"""Layouts a second: no editor changes them faster for long."""


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
        tint, stray = _tint(small)
        fine = np.abs(cv2.Laplacian(gray, cv2.CV_32F))
        value = FrameMeasures(
            luma=float(gray.mean()),
            spread=float(gray.std()),
            chroma=_chroma(small),
            tint=tint,
            stray=stray,
            fringe=_fringe(small),
            detail=float(fine.mean()),
            details=np.asarray(cv2.resize(fine, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float16).reshape(-1),
            change=change,
            cells=cells,
            symmetry=_correlation(gray, gray[:, ::-1]),
            layout=layout_of(item.value) if self._sampler.wants(item.time_s, item.end_s) else None,
        )
        yield Item(self.name, item.time_s, item.end_s, item.index, value)


def _small(picture: Image) -> Image:
    factor = max(1, round(max(picture.shape[:2]) / _LONGEST))
    height, width = (max(1, side // factor) for side in picture.shape[:2])
    whole = picture[: height * factor, : width * factor]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _chroma(small: Image) -> float:
    red, green, blue = cv2.split(small)
    spans = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    return float(np.asarray(spans).mean())


def _tint(small: Image) -> tuple[float, float]:
    """Fits the colour differences by a cubic of the brightness, as toning curves are: what a filter gives, and what it leaves.

    A card with text has few brightnesses, and a colour for each of them by itself: nothing can be told from it.
    """
    pixels = cv2.resize(small, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float64)
    luma = pixels.mean(axis=1) / 255
    if np.bincount((luma * _LEVELS).astype(np.intp)).max() > _ONE_LEVEL * len(luma):
        return 0.0, 0.0
    basis = np.stack([np.ones(len(luma)), luma, luma**2, luma**3], axis=1)
    colours = pixels[:, ::2] - pixels[:, 1:2]
    # Normal equations: four unknowns, and many times cheaper than a factorisation.
    weights = np.linalg.lstsq(basis.T @ basis, basis.T @ colours, rcond=None)[0]
    curve = basis @ weights
    return float(np.linalg.norm(curve, axis=1).mean()), float(np.sqrt(np.square(colours - curve).sum(axis=1).mean()))


def _fringe(small: Image) -> float:
    """Shift to the right of red against blue at which their upright edges fit best, if they fit much better than in place."""
    width = small.shape[1]
    if width <= 4 * _FARTHEST_FRINGE:
        return 0.0
    red, blue = (np.diff(small[::2, :, channel].astype(np.float32), axis=1) for channel in (0, 2))
    inner = blue[:, _FARTHEST_FRINGE:-_FARTHEST_FRINGE]
    span = inner.shape[1]
    size = float(np.square(inner).sum())
    if size <= 0:
        return 0.0
    fits = np.zeros(2 * _FARTHEST_FRINGE + 1)
    for at in range(len(fits)):
        moved = red[:, at : at + span]
        fits[at] = float(np.vdot(moved, inner)) / max(1.0, float(np.sqrt(size * np.square(moved).sum())))
    best = int(fits.argmax())
    far = abs(best - _FARTHEST_FRINGE) >= _LEAST_FRINGE
    if not far or fits[best] < _FITS or fits[best] < _FITS_BETTER * fits[_FARTHEST_FRINGE]:
        return 0.0
    return float(100 * (best - _FARTHEST_FRINGE) / width)


def _correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    left, right = first - first.mean(), second - second.mean()
    scale = float(np.sqrt(np.square(left).sum() * np.square(right).sum()))
    return float((left * right).sum()) / scale if scale > 0 else 0.0
