"""Overlap of boxes. All boxes are [n, 4] x, y, w, h; any unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelscope.analysis.v1.geometry_pb2 import Box

Boxes = NDArray[np.float64]


def expand(boxes: Boxes, by: float) -> Boxes:
    """Boxes grown on every side by `by` times their own size."""
    margin = boxes[:, 2:] * by
    return np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + 2 * margin], axis=1)


def intersection(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """Common area of every pair, [n, m]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum((first[:, :2] + first[:, 2:])[:, None], (second[:, :2] + second[:, 2:])[None])
    common: NDArray[np.float64] = np.clip(high - low, 0.0, None).prod(axis=2)
    return common


def iou(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every pair, [n, m], in [0,1]; 0 for boxes without area."""
    common = intersection(first, second)
    union = first[:, 2:].prod(axis=1)[:, None] + second[:, 2:].prod(axis=1)[None] - common
    share: NDArray[np.float64] = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return share


def box_message(box: NDArray[np.float64]) -> Box:
    """A box [4] in frame sizes, cut at the frame's edges."""
    left, top = np.clip(box[:2], 0.0, 1.0)
    right, bottom = np.clip(box[:2] + box[2:], 0.0, 1.0)
    return Box(x=left, y=top, w=max(right - left, 0.0), h=max(bottom - top, 0.0))
