"""Single-shot detectors of the BlazeFace family: boxes with keypoints on fixed anchors.

Source: Bazarevsky et al., BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs, 2019; decoding and weighted
non-maximum suppression as in MediaPipe (TensorsToDetectionsCalculator, NonMaxSuppressionCalculator).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image, letterbox

_SAME = 0.3
"""Intersection over union from which two boxes are of one thing."""


@dataclass(frozen=True, slots=True)
class BlazeSpec:
    """One detector.

    Attributes:
        size: Side of its input, in pixels.
        strides: Of its layers; a stride named n times has n x `per_cell` anchors a cell.
        per_cell: Anchors a cell and mention.
        keypoints: Count.
        is_signed: Whether it takes -1..1 instead of 0..1.
    """

    size: int
    strides: tuple[int, ...]
    per_cell: int
    keypoints: int
    is_signed: bool


FACE: Final = BlazeSpec(192, (4,), 1, 6, is_signed=True)
"""Keypoints: the person's right eye, left eye, nose tip, mouth, right ear, left ear."""

PALM: Final = BlazeSpec(192, (8, 16, 16, 16), 2, 7, is_signed=False)
"""Keypoints: wrist, then the knuckles of index, middle, ring and little finger, then two of the thumb."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One find, in pixels of the picture.

    Attributes:
        box: Shape [4], left, top, right, bottom.
        keypoints: Shape [k, 2].
        score: In [0,1].
    """

    box: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    score: float


class Blaze:
    """A detector on its loaded network.

    Args:
        model: The loaded network, `run(outputs, feeds)`.
        spec: Which one it is.
        input_name: Of the network.
    """

    def __init__(self, model: Any, spec: BlazeSpec, *, input_name: str) -> None:  # noqa: ANN401 - the pool's wrapper
        self._model = model
        self._spec = spec
        self._input = input_name
        self._anchors = _anchors(spec)

    def detect(self, picture: Image, *, min_score: float) -> list[Detection]:
        """What is found in a picture [h, w, 3] RGB, best first."""
        spec = self._spec
        height, width = picture.shape[:2]
        placement = letterbox(width, height, spec.size, spec.size)
        canvas = np.zeros((spec.size, spec.size, 3), np.uint8)
        size = placement.width, placement.height
        inner = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if placement.scale < 1 else cv2.INTER_LINEAR)
        canvas[placement.top : placement.top + placement.height, placement.left : placement.left + placement.width] = inner
        scaled = canvas.astype(np.float32) / 255.0
        outputs = self._model.run(None, {self._input: (scaled * 2 - 1 if spec.is_signed else scaled)[None]})
        boxes, logits = sorted(outputs, key=lambda output: -int(output.shape[-1]))
        scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1).astype(np.float64), -60, 60)))
        likely = scores >= min_score
        if not likely.any():
            return []
        points = self._points(boxes.reshape(len(scores), -1)[likely].astype(np.float64), self._anchors[likely])
        points = (points * spec.size - (placement.left, placement.top)) / placement.scale
        return _merge(points, scores[likely])

    def _points(self, raw: NDArray[np.float64], anchors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Corners and keypoints [n, 2 + k, 2] of raw regressions, in sizes of the input."""
        raw = raw / self._spec.size
        centre, half = raw[:, :2] + anchors, raw[:, 2:4] / 2
        keypoints = raw[:, 4 : 4 + 2 * self._spec.keypoints].reshape(len(raw), -1, 2) + anchors[:, None]
        return np.concatenate([(centre - half)[:, None], (centre + half)[:, None], keypoints], axis=1)


def _anchors(spec: BlazeSpec) -> NDArray[np.float64]:
    """Centres [n, 2] of the anchors, in sizes of the input, layer by layer, row by row."""
    layers = []
    for stride in dict.fromkeys(spec.strides):
        grid = (np.arange(spec.size // stride) + 0.5) / (spec.size // stride)
        y, x = np.meshgrid(grid, grid, indexing="ij")
        layers.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), spec.per_cell * spec.strides.count(stride), axis=0))
    return np.concatenate(layers)


def _merge(points: NDArray[np.float64], scores: NDArray[np.float64]) -> list[Detection]:
    """Weighted non-maximum suppression: boxes of one thing are averaged by their scores."""
    found = []
    order = np.argsort(-scores, kind="stable")
    while len(order):
        overlap = _overlap(points[order[0], :2], points[order, :2])
        together = overlap > _SAME
        together[0] = True
        group = order[together]
        mean = np.average(points[group], axis=0, weights=scores[group])
        found.append(Detection(mean[:2].reshape(4), mean[2:], float(scores[order[0]])))
        order = order[~together]
    return found


def _overlap(one: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of corners [2, 2] with corners [n, 2, 2]."""
    low, high = np.maximum(one[0], others[:, 0]), np.minimum(one[1], others[:, 1])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = np.clip(others[:, 1] - others[:, 0], 0, None).prod(axis=1)
    area = np.clip(one[1] - one[0], 0, None).prod()
    union: NDArray[np.float64] = area + areas - shared
    share: NDArray[np.float64] = shared / np.maximum(union, 1e-9)
    return share


def suppress(detections: Sequence[Detection]) -> list[Detection]:
    """Detections of several crops of one picture, each thing once: the best score stays."""
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda one: -one.score):
        corners = np.stack([other.box.reshape(2, 2) for other in (detection, *kept)])
        if not (_overlap(corners[0], corners[1:]) > _SAME).any() if kept else True:
            kept.append(detection)
    return kept
