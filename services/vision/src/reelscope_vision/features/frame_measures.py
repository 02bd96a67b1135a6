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
from reelscope_vision.scaling import shrunk

Gray = NDArray[np.uint8]

_LONGEST: Final = 160
"""Pixels of the longer side, about, on which frames are compared: each is the mean of a whole number of pixels, which is
several times cheaper than a fraction, and the more so where halves make it."""

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

_EDGE, _LEAST_ROWS = 8.0, 0.2
"""Grey levels of an edge, and the share of the rows that have one in a picture of which red and blue can be told apart."""

_LAYOUT_RATE: Final = 2.0
"""Layouts a second: no editor changes them faster for long."""


class FrameMeasuresFeature(Feature):
    """One item per frame, up to 30 a second; `index` is the number of the decoded frame."""

    name = "frame_measures"
    version = "3"
    frames = SEEN

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._before: Gray | None = None
        self._coarse = np.zeros((_COARSE, _COARSE), np.float32)
        self._sampler = RateSampler(_LAYOUT_RATE)

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame."""
        small = _small(item.value)
        red, green, blue = (np.asarray(one, np.uint8) for one in cv2.split(small))
        gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        coarse = np.asarray(cv2.resize(gray.astype(np.float32), (_COARSE, _COARSE), interpolation=cv2.INTER_AREA), np.float32)
        before, self._before = self._before, gray
        coarse_before, self._coarse = self._coarse, coarse
        cells = np.full(CELLS * CELLS, np.nan, np.float16)
        change = float("nan")
        if before is not None and before.shape == gray.shape:
            change = cv2.norm(gray, before, cv2.NORM_L1) / gray.size
            moved = np.abs(coarse - coarse_before).reshape(CELLS, _COARSE // CELLS, CELLS, _COARSE // CELLS)
            cells = moved.mean(axis=(1, 3)).reshape(-1).astype(np.float16)
        luma, spread = (float(one[0, 0]) for one in cv2.meanStdDev(gray))
        tint, stray = _tint(small)
        fine = np.abs(cv2.Laplacian(gray, cv2.CV_32F))
        value = FrameMeasures(
            luma=luma,
            spread=spread,
            chroma=_chroma(red, green, blue),
            tint=tint,
            stray=stray,
            fringe=_fringe(red, blue),
            detail=float(fine.mean()),
            details=np.asarray(cv2.resize(fine, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float16).reshape(-1),
            change=change,
            cells=cells,
            symmetry=_symmetry(gray, luma),
            layout=layout_of(item.value) if self._sampler.wants(item.time_s, item.end_s) else None,
        )
        yield Item(self.name, item.time_s, item.end_s, item.index, value)


def _small(picture: Image) -> Image:
    factor = max(1, round(max(picture.shape[:2]) / _LONGEST))
    height, width = (max(1, side // factor) for side in picture.shape[:2])
    whole = picture[: height * factor, : width * factor]
    if factor.bit_count() == 1:
        return shrunk(whole, (width, height))
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _chroma(red: Gray, green: Gray, blue: Gray) -> float:
    spans = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    return cv2.mean(spans)[0]


def _tint(small: Image) -> tuple[float, float]:
    """Fits the colour differences by a cubic of the brightness, as toning curves are: what a filter gives, and what it leaves.

    A card with text has few brightnesses, and a colour for each of them by itself: nothing can be told from it.
    """
    pixels = np.asarray(cv2.resize(small, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)).reshape(-1, 3)
    red, green, blue = np.ascontiguousarray(pixels.T, np.float64)
    luma = (red + green + blue) / (3 * 255)
    if np.bincount((luma * _LEVELS).astype(np.intp)).max() > _ONE_LEVEL * len(luma):
        return 0.0, 0.0
    squared = luma * luma
    basis = np.stack([np.ones(len(luma)), luma, squared, squared * luma])
    colours = np.stack([red - green, blue - green])
    # Normal equations: four unknowns, and many times cheaper than a factorisation.
    weights = np.linalg.lstsq(basis @ basis.T, basis @ colours.T, rcond=None)[0]
    curve = weights.T @ basis
    left = colours - curve
    return float(np.hypot(*curve).mean()), float(np.sqrt(np.vdot(left, left) / len(luma)))


def _fringe(red: Gray, blue: Gray) -> float:
    """Shift to the right of red against blue at which their upright edges fit best, if they fit much better than in place."""
    width = red.shape[1]
    if width <= 4 * _FARTHEST_FRINGE:
        return 0.0
    red_edges, blue_edges = (
        np.asarray(cv2.subtract(one[::2, 1:], one[::2, :-1], dtype=cv2.CV_32F), np.float32) for one in (red, blue)
    )
    inner = np.ascontiguousarray(blue_edges[:, _FARTHEST_FRINGE:-_FARTHEST_FRINGE])
    span = inner.shape[1]
    size = float(np.vdot(inner, inner))
    if size <= 0:
        return 0.0

    def fit(at: int) -> float:
        moved = np.ascontiguousarray(red_edges[:, at : at + span])
        return float(np.vdot(moved, inner)) / max(1.0, float(np.sqrt(size * np.vdot(moved, moved))))

    # Edges of opposite ways fit as well, with the other sign: yellow letters on blue are bright in red and dark in blue.
    in_place = abs(fit(_FARTHEST_FRINGE))
    # No correlation is more than 1: in most pictures none can be so much better.
    if in_place * _FITS_BETTER > 1:
        return 0.0
    fits = np.array([fit(at) for at in range(2 * _FARTHEST_FRINGE + 1)])
    best = int(fits.argmax())
    far = abs(best - _FARTHEST_FRINGE) >= _LEAST_FRINGE
    if not far or fits[best] < _FITS or fits[best] < _FITS_BETTER * in_place:
        return 0.0
    # All of a picture is torn, not a title alone.
    if float((np.abs(blue_edges).max(axis=1) >= _EDGE).mean()) < _LEAST_ROWS:
        return 0.0
    return float(100 * (best - _FARTHEST_FRINGE) / width)


def _symmetry(gray: Gray, mean: float) -> float:
    """Correlation with the mirrored picture."""
    above = gray - np.float32(mean)
    size = float(np.vdot(above, above))
    return float(np.vdot(above, np.ascontiguousarray(above[:, ::-1]))) / size if size > 0 else 0.0
