"""NanoDet-g 416: 80 COCO classes, from letterboxed frames as the decoder delivers them.

Method: RangiLyu/nanodet (Apache-2.0); each side of a box is the expectation of a distribution over 11 distances
(generalized focal loss, Li et al. 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image, Placement, letterbox
from reelscope_runtime.models.nets.coco import COCO_LABELS
from reelscope_runtime.models.nets.nms import class_wise_nms

NANODET_SIZE: Final = 416
"""Longer side of the network's input: ask the decoder for FrameSpec(416, 416, fit="letterbox")."""

DEFAULT_MIN_SCORE: Final = 0.4
"""Published threshold of the demo programs; below it false boxes grow faster than found objects."""

_INPUT: Final = "input_1:0"
_MEAN_BGR: Final = np.array([103.53, 116.28, 123.675], np.float32)
_STD_BGR: Final = np.array([57.375, 57.12, 58.395], np.float32)
# Stride in pixels, output of class scores [1, cells, 80], output of distance bins [1, cells, 4 * 11].
_LEVELS: Final = (
    (8, "Identity:0", "Identity_3:0"),
    (16, "Identity_1:0", "Identity_4:0"),
    (32, "Identity_2:0", "Identity_5:0"),
)
_STRIDE: Final = 32
"""Each side of the input is a multiple."""
_BINS: Final = 11
# Above this overlap two boxes of one class are one object; NanoDet's own value is 0.6, 0.5 leaves fewer doubles.
_MAX_IOU: Final = 0.5
# A box that is cut down to the picture's edge must keep this share of the frame's width and height to count.
_MIN_SIDE: Final = 1e-3


class Network(Protocol):
    """What is needed of `OnnxModel`."""

    def run(self, outputs: Sequence[str] | None, feeds: Mapping[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Runs the network."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One object in one frame.

    Attributes:
        index: COCO class, 0..79.
        label: Its name.
        score: In [0,1].
        x: Left edge in widths of the source picture, [0,1].
        y: Upper edge in heights of the source picture, [0,1].
        width: In widths of the source picture, (0,1].
        height: In heights of the source picture, (0,1].
    """

    index: int
    label: str
    score: float
    x: float
    y: float
    width: float
    height: float


def detect(
    network: Network, frames: NDArray[np.uint8] | Sequence[Image], placement: Placement, *, min_score: float = DEFAULT_MIN_SCORE
) -> list[list[Detection]]:
    """Objects in frames, for each frame best score first.

    Args:
        network: The loaded model. Its batch size is one, so frames are run one after the other.
        frames: [n, 416, 416, 3] RGB 0..255, letterboxed.
        placement: Where the source picture lies in them: `placement_of(width, height)`.
        min_score: Least class score of a box.

    Raises:
        ValueError: A frame has another shape.
    """
    outputs = [name for _, scores, bins in _LEVELS for name in (scores, bins)]
    # The bars that a letterbox leaves are cut off: two fifths of an upright clip's frame.
    rows, columns = _without_bars(placement.height), _without_bars(placement.width)
    inner = replace(placement, top=placement.top - rows.start, left=placement.left - columns.start)
    found = []
    for frame in frames:
        if frame.shape != (NANODET_SIZE, NANODET_SIZE, 3):
            msg = f"NanoDet takes frames of shape (416, 416, 3), not {frame.shape}: ask for them letterboxed"
            raise ValueError(msg)
        part = frame[rows, columns]
        maps = network.run(outputs, {_INPUT: preprocess(part)})
        found.append(decode(maps, inner, part.shape[:2], min_score=min_score))
    return found


def _without_bars(length: int) -> slice:
    """The middle rows or columns of the letterboxed frame: those of the picture, and as many more as the network must have."""
    size = -(-length // _STRIDE) * _STRIDE
    first = (NANODET_SIZE - size) // 2
    return slice(first, first + size)


def placement_of(source_width: int, source_height: int) -> Placement:
    """Where the decoder puts a source picture of a displayed size into the letterboxed frame."""
    return letterbox(source_width, source_height, NANODET_SIZE, NANODET_SIZE)


def preprocess(frame: Image) -> NDArray[np.float32]:
    """Normalises a picture [h, w, 3] RGB 0..255 to the network's input [1, 3, h, w] BGR."""
    planes = frame[..., ::-1].transpose(2, 0, 1).astype(np.float32)
    planes -= _MEAN_BGR[:, None, None]
    planes /= _STD_BGR[:, None, None]
    return planes[None]


def decode(
    outputs: Sequence[NDArray[np.float32]],
    placement: Placement,
    shape: tuple[int, ...] = (NANODET_SIZE, NANODET_SIZE),
    *,
    min_score: float = DEFAULT_MIN_SCORE,
) -> list[Detection]:
    """Turns the network's outputs for one picture into detections.

    Args:
        outputs: Class scores and distance bins of strides 8, 16 and 32 in turn, with a batch axis of one.
        placement: Where the source picture lies in the one that the network saw.
        shape: Height and width of that, multiples of 32.
        min_score: Least class score of a box.
    """
    found = []
    for (stride, _, _), scores, bins in zip(_LEVELS, outputs[0::2], outputs[1::2], strict=True):
        cells, classes = np.nonzero(scores[0] > min_score)
        found.append((_boxes(bins[0][cells], _centres(shape, stride)[cells], stride), scores[0][cells, classes], classes))
    boxes, scores, classes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    boxes = _to_source(boxes, placement)
    # Boxes on the bars show nothing of the picture.
    visible = np.flatnonzero(((boxes[:, 2:] - boxes[:, :2]) > _MIN_SIDE).all(axis=1))
    kept = visible[class_wise_nms(boxes[visible], scores[visible], classes[visible], max_iou=_MAX_IOU)]
    return [_detection(boxes[i], float(scores[i]), int(classes[i])) for i in kept]


def _boxes(bins: NDArray[np.float32], centres: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """[n, 44] distance bins to [n, 4] left, top, right, bottom in pixels of the network's input."""
    weights = bins.reshape(-1, 4, _BINS)
    weights = np.exp(weights - weights.max(axis=2, keepdims=True))
    distances = weights @ np.arange(_BINS, dtype=np.float32) / weights.sum(axis=2) * stride
    boxes: NDArray[np.float32] = np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
    return boxes


@cache
def _centres(shape: tuple[int, ...], stride: int) -> NDArray[np.float32]:
    y, x = np.mgrid[: shape[0] // stride, : shape[1] // stride].astype(np.float32)
    centres: NDArray[np.float32] = (np.stack([x.ravel(), y.ravel()], axis=1) + np.float32(0.5)) * stride
    return centres


def _to_source(boxes: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """Pixels of the network's input to [0,1] of the source picture, cut off at its edges."""
    offset = np.array([placement.left, placement.top] * 2, np.float32)
    size = np.array([placement.width, placement.height] * 2, np.float32)
    clipped: NDArray[np.float32] = np.clip((boxes - offset) / size, 0.0, 1.0)
    return clipped


def _detection(box: NDArray[np.float32], score: float, index: int) -> Detection:
    left, top, right, bottom = (float(edge) for edge in box)
    return Detection(index, COCO_LABELS[index], score, left, top, right - left, bottom - top)
