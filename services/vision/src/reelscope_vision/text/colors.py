"""Colours of a line of text: of its letters, and of what is behind them."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image

_TONES: Final = 6
"""Of letters, their outline, the mixture of both, and what is behind."""

_ROWS: Final = 48
"""Pixels of a line's height, or an upright line's width, that tell its colours."""

_RIM: Final = 0.08
"""Share of that along the sides which letters keep free."""

_INSIDE: Final = 1.5
"""Times as many of a tone's pixels within the line as on its rim, from which it is drawn."""
_MOST_INSIDE: Final = 20.0
"""What is more than that is chance: a pixel or two on the rim."""
_AS_FAR_INSIDE: Final = 0.3
"""Share of the most that letters reach: a tone of what is behind may happen to be rare on the rim."""

_ONE_PIXEL: Final = 0.005
"""Of a share: so that a tone which is nowhere on the rim is not infinitely inside."""

_LEAST_SIDE: Final = 3
"""Pixels: a rim, and something within."""

_LEAST_SHARE: Final = 0.02
"""Of a line's pixels: the thinnest letters have five times as many."""

_AS_LARGE: Final = 0.25
"""Of the largest drawn tone: smaller ones are mixtures."""

_FREE: Final = 0.15
"""Share of a tone's pixels that may touch what is behind where an outline keeps it off."""

_AS_FREE: Final = 0.1
"""So much more of that than the freest tone has: letters, and what mixes them with their outline."""

_UNTIL: Final = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
"""k-means goes on for 12 rounds, or until no center moves by a grey level."""

_OUTLINED: Final = 0.8
"""Area inside of closed strokes over that of the strokes, from which these are an outline: the eyes of letters come to 0.3."""

_OTHER: Final = 15.0
"""Distance of two tones in CIELAB, as OpenCV has it in bytes, from which they are not one that wavers."""

Mask = NDArray[np.bool_]


def line_colors(picture: Image) -> tuple[str, str]:
    """Colours of the letters and of what is behind them in a line's picture, as #rrggbb; empty where there is no pixel of it.

    Drawn are the tones that the line has and its rim has not. Of these an outline touches what is behind, and the letters
    touch it the least; what mixes the two lies between them in colour.
    """
    small = _small(picture)
    if min(small.shape[:2]) < _LEAST_SIDE:
        return "", _hex(small.reshape(-1, 3))
    centers, tone = _tones(small)
    rim = np.ones(tone.shape, np.bool_)
    wide = max(1, round(_RIM * min(tone.shape)))
    rim[wide:-wide, wide:-wide] = False
    within, around = (np.bincount(tone[part], minlength=_TONES) / max(1, part.sum()) for part in (~rim, rim))
    inside = np.minimum((within + _ONE_PIXEL) / (around + _ONE_PIXEL), _MOST_INSIDE)
    drawn = np.flatnonzero((inside >= _INSIDE) & (within >= _LEAST_SHARE))
    if not len(drawn):
        drawn = inside.argmax(keepdims=True)
    behind = np.isin(tone, np.flatnonzero(inside < 1.0)) if (inside < 1.0).any() else ~np.isin(tone, drawn)
    if not behind.any():
        return "", _hex(small.reshape(-1, 3))
    ground = centers[int(np.bincount(tone[behind]).argmax())]
    letters = tone == _innermost(drawn, tone, inside=inside, behind=behind, centers=centers, ground=ground)
    enclosed = _enclosed(letters)
    if enclosed.any() and enclosed.sum() >= _OUTLINED * letters.sum():
        filling = int(np.bincount(tone[enclosed]).argmax())
        if np.linalg.norm(centers[filling] - ground) >= _OTHER:
            letters = enclosed & (tone == filling)
    return _hex(_purest(small, letters)), _hex(small[behind])


def _purest(picture: Image, letters: Mask) -> Image:
    """The half of the letters' pixels that is the farthest from what surrounds them: the others are mixed with it."""
    pixels = picture[letters]
    around = picture[~letters & (cv2.dilate(letters.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)]
    if not len(around):
        return pixels
    away = np.linalg.norm(pixels - np.median(around, axis=0), axis=1)
    return np.asarray(pixels[away >= np.median(away)], np.uint8)


def _small(picture: Image) -> Image:
    scale = _ROWS / min(picture.shape[:2])
    if scale >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _tones(picture: Image) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Centers of the tones in CIELAB, [n, 3], and the number of each pixel's, [h, w]: k-means, begun the same way each time."""
    lab = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), np.float32).reshape(-1, 3)
    cv2.setRNGSeed(1)  # of this thread
    start = np.zeros((len(lab), 1), np.int32)
    _, numbers, centers = cv2.kmeans(lab, _TONES, start, _UNTIL, 1, cv2.KMEANS_PP_CENTERS)
    return np.asarray(centers, np.float32), np.asarray(numbers, np.int32).reshape(picture.shape[:2])


def _innermost(
    drawn: NDArray[np.intp],
    tone: NDArray[np.int32],
    *,
    inside: NDArray[np.float64],
    behind: Mask,
    centers: NDArray[np.float32],
    ground: NDArray[np.float32],
) -> int:
    """Number of the letters' tone among the drawn ones. Beyond the sides nothing is known: they count as what is behind."""
    near = cv2.dilate((behind | _edge(tone)).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    areas = np.array([(tone == one).sum() for one in drawn])
    touching = np.array([(near & (tone == one)).sum() for one in drawn]) / np.maximum(1, areas)
    is_inside = (inside[drawn] >= _AS_FAR_INSIDE * inside[drawn].max()) | (touching <= _FREE)
    eligible = (areas >= _AS_LARGE * areas.max()) & is_inside
    eligible |= not eligible.any()
    free = eligible & (touching <= touching[eligible].min() + _AS_FREE)
    outer = int(touching.argmax())
    other = centers[drawn[outer]] if not free[outer] else ground
    away = np.where(free, np.linalg.norm(centers[drawn] - other, axis=1), -1.0)
    return int(drawn[away.argmax()])


def _edge(tone: NDArray[np.int32]) -> Mask:
    """The outermost pixels, beyond which nothing is known."""
    edge = np.ones(tone.shape, np.bool_)
    edge[1:-1, 1:-1] = False
    return edge


def _enclosed(drawn: Mask) -> Mask:
    """What strokes have all around them."""
    ground = np.pad(~drawn, 1, constant_values=True).astype(np.uint8)
    _, parts = cv2.connectedComponents(ground, connectivity=4)
    enclosed: Mask = ((ground > 0) & (parts != parts[0, 0]))[1:-1, 1:-1]
    return enclosed


def _hex(pixels: Image) -> str:
    if not len(pixels):
        return ""
    red, green, blue = np.median(pixels, axis=0).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"
