"""MoveNet multi-pose: up to six persons with the 17 keypoints of COCO.

Source: Votel & Li, Next-Generation Pose Detection with MoveNet and TensorFlow.js, 2021 (Google, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image, letterbox

KEYPOINTS: Final = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""COCO's order; left is the person's left."""

SIZE: Final = 256
"""Pixels of the longer side of the network's input."""

_CELL = 4
"""Pixels of the network's input that one cell of its maps stands for."""
_STRIDE = 32
"""Each side of the input is a multiple."""
_NARROW = 160
"""Pixels up to which an upright picture is given no square, more than a third of which would be empty: persons are found as
surely without (in 172 crops of 87 pictures). A wide one needs what is below: if a face fills it, there its body goes on."""

# The published network ended with what `_persons` does, with these four numbers.
_APART = 5
"""Side, in cells, of the square in which only one person's middle is looked for."""
_MOST = 6
"""Persons in a picture."""
_SPREAD = 19.203
"""Square cells: how far a keypoint may lie from where its person's middle expects it."""
_SEEN = 0.127
"""Score from which a keypoint counts for its person's."""

_SURE_POINTS = 6
"""A person has at least so many keypoints that are sure, on average."""


@dataclass(frozen=True, slots=True)
class Pose:
    """One person.

    Attributes:
        keypoints: Shape [17, 3]: x, y in pixels of the picture, score in [0,1].
        box: Shape [4], left, top, right, bottom in pixels.
        score: Of the person, in [0,1].
    """

    keypoints: NDArray[np.float64]
    box: NDArray[np.float64]
    score: float

    @property
    def certainty(self) -> float:
        """Mean score of the six surest keypoints: low for what merely looks like a person."""
        return float(np.sort(self.keypoints[:, 2])[-_SURE_POINTS:].mean())


def find(model: Any, picture: Image, *, min_score: float) -> list[Pose]:  # noqa: ANN401 - the pool's wrapper
    """Persons in a picture [h, w, 3] RGB, best first.

    Args:
        model: The loaded network, `run(outputs, feeds)`.
        picture: Any size.
        min_score: Least score of a person.
    """
    height, width = picture.shape[:2]
    placement = letterbox(width, height, SIZE, SIZE)
    rows, columns = SIZE, _columns(placement.width)
    top, left = (rows - placement.height) // 2, (columns - placement.width) // 2
    inner = cv2.resize(picture, (placement.width, placement.height), interpolation=cv2.INTER_AREA)
    canvas = np.full((1, 3, rows, columns), -1.0, np.float32)
    part = canvas[0, :, top : top + placement.height, left : left + placement.width]
    np.multiply(inner.transpose(2, 0, 1), np.float32(2 / 255), out=part)
    part -= 1.0
    maps = model.run(_Maps._fields, {"image": canvas})
    poses = []
    for points, box, score in _persons(_Maps(*(one[0] for one in maps))):
        if score >= min_score:
            xy = (points[:, 1::-1] * _CELL - (left, top)) / placement.scale
            corners = (box[[1, 0, 3, 2]].reshape(2, 2) * _CELL - (left, top)) / placement.scale
            poses.append(Pose(np.concatenate([xy, points[:, 2:]], axis=1), corners.reshape(4), score))
    return sorted(poses, key=lambda pose: -pose.score)


def _columns(width: int) -> int:
    """Width of the network's input for a picture that is so wide in it."""
    least = -(-width // _STRIDE) * _STRIDE
    return least if least <= _NARROW else SIZE


_Map = NDArray[np.float32]
_Points = NDArray[np.float64]


class _Maps(NamedTuple):
    """What the network gives out, each [channels, rows, columns]; all but the scores in cells, y before x.

    Attributes:
        centers: Score of a person's middle.
        box_sizes: Height and width of the person.
        box_offsets: Where in its cell the box's middle is.
        keypoints: Score of each keypoint, of whomever.
        keypoint_steps: From a person's middle to each of its keypoints, roughly.
        keypoint_offsets: Where in its cell each keypoint is.
    """

    centers: _Map
    box_sizes: _Map
    box_offsets: _Map
    keypoints: _Map
    keypoint_steps: _Map
    keypoint_offsets: _Map


def _persons(maps: _Maps) -> Iterator[tuple[_Points, _Points, float]]:
    """Keypoints [17, 3] y, x, score, box [4] top, left, bottom, right and score of each person, in cells."""
    middles = _peaks(maps.centers[0])
    y, x = middles.T
    extent = np.array(maps.centers.shape[1:])
    half = np.maximum(maps.box_sizes[:, y, x].T, 0) / 2
    centre = middles + maps.box_offsets[:, y, x].T
    boxes = np.concatenate([np.clip(centre - half, 0, extent), np.clip(centre + half, 0, extent)], axis=1)
    expected = (middles[:, None] + maps.keypoint_steps[:, y, x].T.reshape(-1, len(KEYPOINTS), 2)).astype(np.float64)
    offsets = maps.keypoint_offsets.reshape(len(KEYPOINTS), 2, *extent)
    which = np.arange(len(KEYPOINTS))
    for box, own, sureness in zip(boxes, expected, maps.centers[0, y, x], strict=True):
        cells = _best_cells(maps.keypoints, box, own)
        if cells is None:
            continue
        rows, columns = cells.T
        # Where two persons' keypoints meet, the one that expects it more says how sure it is.
        scores = maps.keypoints[which, rows, columns] * _likeness(cells, expected, boxes).max(axis=0)
        points = cells + offsets[which, :, rows, columns]
        seen = scores > _SEEN
        if seen.any():
            yield np.column_stack([points, scores]), box, float(sureness * scores[seen].mean())


def _peaks(centers: _Map) -> NDArray[np.int64]:
    """Cells [n, 2] y, x of the highest peaks, highest first."""
    around = cv2.dilate(centers, np.ones((_APART, _APART), np.uint8))
    heights = np.where(centers >= around, centers, 0.0)
    highest = np.argsort(-heights, axis=None, kind="stable")[:_MOST]
    found: NDArray[np.int64] = np.stack(np.unravel_index(highest, centers.shape), axis=1)
    return found[heights[found[:, 0], found[:, 1]] > 0]


def _best_cells(keypoints: _Map, box: _Points, expected: _Points) -> NDArray[np.int64] | None:
    """Cells [17, 2] y, x of a person's keypoints: in the box, sure, and near where they are expected; None: it has no cell."""
    top, left, bottom, right = np.ceil(box).astype(int)
    if top >= bottom or left >= right:
        return None
    nearness_y, nearness_x = (
        np.exp(-((np.arange(first, end) - expected[:, axis, None]) ** 2) / _SPREAD)
        for axis, (first, end) in enumerate(((top, bottom), (left, right)))
    )
    scores = keypoints[:, top:bottom, left:right] * nearness_y[:, :, None] * nearness_x[:, None]
    best = scores.reshape(len(scores), -1).argmax(axis=1)
    rows, columns = np.divmod(best, right - left)
    return np.stack([rows + top, columns + left], axis=1)


def _likeness(cells: NDArray[np.int64], expected: _Points, boxes: _Points) -> _Points:
    """How much each person [n] expects each of one person's keypoints [17, 2] where it is: [n, 17] in [0,1]."""
    nearness = np.exp(-((cells - expected) ** 2).sum(axis=2) / _SPREAD)
    inside = (cells >= boxes[:, None, :2]) & (cells < boxes[:, None, 2:])
    likeness: _Points = nearness * inside.all(axis=2)
    return likeness
