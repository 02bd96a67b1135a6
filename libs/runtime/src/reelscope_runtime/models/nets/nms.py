"""Non-maximum suppression in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def class_wise_nms(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], classes: NDArray[np.intp], *, max_iou: float
) -> NDArray[np.intp]:
    """Indices of the boxes that stay, best score first; boxes of different classes do not suppress one another.

    Args:
        boxes: [n, 4], left, top, right, bottom, in any one unit.
        scores: [n].
        classes: [n].
        max_iou: A box that overlaps a better one of its class by more than this intersection over union goes.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, classes = boxes[order].astype(np.float64), classes[order]
    area = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    alive = np.ones(len(boxes), dtype=bool)
    for best in range(len(boxes)):
        if not alive[best]:
            continue
        rest = np.flatnonzero(alive[best + 1 :] & (classes[best + 1 :] == classes[best])) + best + 1
        corner = np.minimum(boxes[best, 2:], boxes[rest, 2:]) - np.maximum(boxes[best, :2], boxes[rest, :2])
        shared = np.maximum(corner, 0).prod(axis=1)
        alive[rest[shared > max_iou * (area[best] + area[rest] - shared)]] = False
    return order[alive]
