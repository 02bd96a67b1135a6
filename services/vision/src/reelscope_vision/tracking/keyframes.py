"""A track's boxes as few keyframes with straight motion in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def keyframe_indices(times_s: NDArray[np.float64], boxes: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Which boxes to keep so that linear interpolation gives back the others.

    Douglas & Peucker (1973) with the error measured at equal times: the largest deviation of any of the four edges.

    Args:
        times_s: [n], ascending.
        boxes: [n, 4] x, y, w, h in frame sizes.
        tolerance: Largest deviation of an edge, in frame sizes.

    Returns:
        Ascending indices; the first and the last box are always among them.
    """
    count = len(times_s)
    if count == 0:
        return np.zeros(0, np.int64)
    edges = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    kept = {0, count - 1}
    spans = [(0, count - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:  # noqa: PLR2004 - nothing lies in between
            continue
        inner = slice(first + 1, last)
        share = (times_s[inner] - times_s[first]) / max(times_s[last] - times_s[first], np.finfo(np.float64).tiny)
        straight = edges[first] + share[:, None] * (edges[last] - edges[first])
        error = np.abs(edges[inner] - straight).max(axis=1)
        worst = int(error.argmax())
        if error[worst] > tolerance:
            middle = first + 1 + worst
            kept.add(middle)
            spans += [(first, middle), (middle, last)]
    return np.array(sorted(kept), np.int64)


def smooth(times_s: NDArray[np.float64], boxes: NDArray[np.float64], width_s: float) -> NDArray[np.float64]:
    """Boxes with the detector's jitter taken out: a local straight line through the neighbours, weighted by a Gaussian.

    A line and not a mean, so that the ends of a moving track do not lag.

    Args:
        times_s: [n], ascending.
        boxes: [n, 4], any unit.
        width_s: Standard deviation of the weights, in seconds.

    Returns:
        [n, 4].
    """
    if len(times_s) < 3:  # noqa: PLR2004 - a line needs a neighbour on each side
        return boxes
    smoothed = np.empty_like(boxes)
    reach = 3 * width_s
    low = np.searchsorted(times_s, times_s - reach, side="left")
    high = np.searchsorted(times_s, times_s + reach, side="right")
    for index, (start, stop) in enumerate(zip(low, high, strict=True)):
        offset = times_s[start:stop] - times_s[index]
        weight = np.exp(-0.5 * (offset / width_s) ** 2)
        total, first, second = weight.sum(), (weight * offset).sum(), (weight * offset**2).sum()
        spread = total * second - first**2
        values = weight @ boxes[start:stop]
        if spread <= np.finfo(np.float64).eps:
            smoothed[index] = values / total
            continue
        smoothed[index] = (second * values - first * ((weight * offset) @ boxes[start:stop])) / spread
    return smoothed
