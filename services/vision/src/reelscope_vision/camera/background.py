"""How the background moved between two pictures: corners, Lucas-Kanade, and a similarity that most of them agree on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]

_CELL: Final = 16
"""Pixels: one corner at most is followed in each cell, so that a busy crowd does not outvote a calm wall."""

_LEAST_EIGENVALUE: Final = 2e-4
"""Of the gradient matrix (Shi & Tomasi 1994), as OpenCV normalises it: below, a corner is noise."""

_RETURN_PX: Final = 0.4
"""A corner that, followed back, misses its start by more was lost on the way (Kalal et al. 2010)."""

_AGREE_PX: Final = 0.6
"""How far a corner may be from where the similarity puts it."""

_DEPTH_PX: Final = 3.0
"""The same where near and far things move differently because the camera comes nearer."""

_STILL_PX: Final = 0.35
"""A corner that moved less did not move: twice the error of the tracker on noisy video."""

_LEAST_CORNERS: Final = 8

_STILL_SHARE: Final = 0.35
"""Share of the regions with corners in which most stand still: from here on, the camera does. Captions, logos and bars on a
moving picture cover less."""

_STILL_AGREE: Final = 0.8
"""Share of the still corners that the motion of the others must explain too, or it is that of something in front."""

_REGIONS: Final = 6
"""The picture is divided into 6 x 6 regions for that."""

_LEAST_REGIONS: Final = 4

_ONE_BRIGHTNESS: Final = 0.6
"""Share of the pixels that have one of 32 brightnesses from which a picture is a drawing on a plain ground: a title, a logo."""

_DRAWN_REGIONS: Final = 6
"""Regions with corners below which a drawing is small: a word reaches five, a background eight and more."""

_DRAWN_SPREAD: Final = 0.12
"""Share of the width or the height, whichever is less, that most corners of a small drawing spread over: a line of text
reaches 0.06."""

_MOST_CORNERS: Final = (0.1, 0.9)
"""Quantiles between which most corners are."""

_ACROSS: Final = 0.9
"""Share of the width or the height from which corners go from side to side: a skyline does, and what is between bars."""

_WINDOW: Final = (17, 17)
_LEVELS: Final = 3
_STEPS: Final = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.02)


@dataclass(frozen=True, slots=True)
class Similarity:
    """How the content of the picture moved.

    Attributes:
        dx: Of the picture's middle, pixels to the right.
        dy: The same down.
        scale: Factor about the middle; above 1 the content grows.
        angle: Degrees that the content turned, clockwise as seen.
        support: Share of the followed corners that agree, in [0,1].
        corners: How many were followed.
    """

    dx: float
    dy: float
    scale: float
    angle: float
    support: float
    corners: int

    @property
    def is_rest(self) -> bool:
        """Whether this is no more than the tracker's error."""
        return max(abs(self.dx), abs(self.dy), _REST_RADIUS_PX * abs(self.scale - 1.0)) < _REST_PX


_REST_PX: Final = 0.15
_REST_RADIUS_PX: Final = 100.0
"""Pixels from the middle to most corners: what turns growth into motion."""

STILL: Final = Similarity(0.0, 0.0, 1.0, 0.0, 1.0, 0)


def corners_of(gray: Gray) -> NDArray[np.float32]:
    """The strongest corner of each cell, shape [n, 1, 2].

    Args:
        gray: The picture.
    """
    height, width = gray.shape
    if min(height, width) < 2 * _CELL:
        return np.empty((0, 1, 2), np.float32)
    strength = cv2.cornerMinEigenVal(gray, 5)
    # The border's corners leave the picture with the next motion.
    strength[:4], strength[-4:], strength[:, :4], strength[:, -4:] = 0, 0, 0, 0
    rows, columns = height // _CELL, width // _CELL
    whole = strength[: rows * _CELL, : columns * _CELL]
    cells = whole.reshape(rows, _CELL, columns, _CELL).swapaxes(1, 2).reshape(rows, columns, _CELL * _CELL)
    best = cells.argmax(axis=2)
    row, column = np.nonzero(cells.max(axis=2) >= _LEAST_EIGENVALUE)
    at = best[row, column]
    points = np.stack([column * _CELL + at % _CELL, row * _CELL + at // _CELL], axis=1)
    return points.astype(np.float32)[:, None]


def follow(before: Gray, after: Gray, corners: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where corners went; those that don't find back are left out. Shapes [n, 2] and [n, 2]."""
    if not len(corners):
        return np.empty((0, 2), np.float32), np.empty((0, 2), np.float32)
    there, found = _followed(before, after, corners)
    back, returned = _followed(after, before, there)
    kept = (found.ravel() > 0) & (returned.ravel() > 0) & (np.linalg.norm((back - corners)[:, 0], axis=1) < _RETURN_PX)
    return corners[kept, 0], there[kept, 0]


def _followed(before: Gray, after: Gray, points: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, np.zeros_like(points), winSize=_WINDOW, maxLevel=_LEVELS, criteria=_STEPS
    )
    return np.asarray(there, np.float32), np.asarray(found, np.uint8)


def similarity(start: NDArray[np.float32], end: NDArray[np.float32], shape: tuple[int, ...]) -> Similarity | None:
    """The motion of the background; None where too little of it is seen.

    Things that move in front of a background at rest never make it move, and what is drawn on the picture (captions, logos)
    stands still on a moving one: the camera stands still where the corners of enough regions do.

    Args:
        start: Shape [n, 2], pixels.
        end: The same corners afterwards.
        shape: Of the picture.
    """
    if len(start) < _LEAST_CORNERS:
        return None
    inside = agreeing(start, end)
    still = np.linalg.norm(end - start, axis=1) < _STILL_PX
    if still.sum() >= _LEAST_CORNERS and _still_regions(start, still, shape) >= _STILL_SHARE:
        # A slow zoom leaves the middle still too, but then those corners agree with it.
        if inside[still].mean() < _STILL_AGREE:
            inside = still
        inside = inside | still
    if int(inside.sum()) < _LEAST_CORNERS:
        return None
    return _decomposed(_fit(start[inside], end[inside]), shape, float(inside.mean()), len(start))


def growth(start: NDArray[np.float32], end: NDArray[np.float32]) -> float:
    """Factor by which most of the picture grew, near and far alike; 1 where nothing can be said."""
    inside = agreeing(start, end, tolerance=_DEPTH_PX)
    if int(inside.sum()) < _LEAST_CORNERS:
        return 1.0
    matrix = _fit(start[inside], end[inside])
    return math.hypot(matrix[0, 0], matrix[1, 0])


def agreeing(start: NDArray[np.float32], end: NDArray[np.float32], *, tolerance: float = _AGREE_PX) -> NDArray[np.bool_]:
    """The corners that move with the similarity that most of them move with, shape [n]."""
    if len(start) < _LEAST_CORNERS:
        return np.zeros(len(start), bool)
    matrix, inside = cv2.estimateAffinePartial2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=tolerance, maxIters=500, confidence=0.995, refineIters=0
    )
    return np.zeros(len(start), bool) if matrix is None else inside.ravel() > 0


def _still_regions(start: NDArray[np.float32], still: NDArray[np.bool_], shape: tuple[int, ...]) -> float:
    """Share of the regions with corners in which at least half stand still."""
    number = _region_of(start, shape)
    counts = np.bincount(number, minlength=_REGIONS * _REGIONS)
    calm = np.bincount(number, weights=still, minlength=_REGIONS * _REGIONS)
    seen = counts > 0
    if seen.sum() < _LEAST_REGIONS:
        return float(still.mean())
    return float((calm[seen] >= counts[seen] / 2).mean())


def is_drawn(gray: Gray, corners: NDArray[np.float32]) -> bool:
    """Whether all corners [n, 2] of a picture are of something small on a plain ground: it moves by itself, as titles do."""
    if not len(corners):
        return False
    low, high = np.quantile(corners, _MOST_CORNERS, axis=0)
    size = np.array(gray.shape[::-1])
    is_small = (
        float(((high - low) / size).min()) < _DRAWN_SPREAD or len(np.unique(_region_of(corners, gray.shape))) < _DRAWN_REGIONS
    )
    if not is_small or float((np.ptp(corners, axis=0) / size).max()) >= _ACROSS:
        return False
    return int(np.bincount(gray.ravel() >> 3).max()) >= _ONE_BRIGHTNESS * gray.size


def _region_of(points: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.int_]:
    """Number of the region that each of the points [n, 2] is in, shape [n]."""
    height, width = shape[:2]
    cells = (points * (_REGIONS / width, _REGIONS / height)).astype(int).clip(0, _REGIONS - 1)
    return np.asarray(cells[:, 1] * _REGIONS + cells[:, 0])


def _fit(start: NDArray[np.float32], end: NDArray[np.float32]) -> NDArray[np.float64]:
    """Least-squares similarity (Umeyama 1991, without reflection), shape [2, 3]."""
    first, second = start.astype(np.float64), end.astype(np.float64)
    middle, moved = first.mean(axis=0), second.mean(axis=0)
    p, q = first - middle, second - moved
    size = float((p * p).sum())
    if size <= 0:
        return np.array([[1.0, 0.0, moved[0] - middle[0]], [0.0, 1.0, moved[1] - middle[1]]])
    a = float((p * q).sum()) / size
    b = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / size
    rotation = np.array([[a, -b], [b, a]])
    return np.column_stack([rotation, moved - rotation @ middle])


def _decomposed(matrix: NDArray[np.float64], shape: tuple[int, ...], support: float, corners: int) -> Similarity:
    height, width = shape[:2]
    centre = np.array([width / 2, height / 2])
    shift = matrix[:, :2] @ centre + matrix[:, 2] - centre
    a, b = matrix[0, 0], matrix[1, 0]
    angle = math.degrees(math.atan2(b, a))
    return Similarity(float(shift[0]), float(shift[1]), math.hypot(a, b), angle, support, corners)
