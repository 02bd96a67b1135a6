"""Feature "objects": what a detector sees in each sampled frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, FrameSpec, Image, Item
from reelscope_runtime.models.nets.nanodet import NANODET_SIZE, Detection, detect, placement_of

_TASK = "object_detection"

SAMPLED_RATE = 5.0
"""Frames a second: a person who crosses the picture in 2 s moves a tenth of it between two, which the tracker still joins."""

LEAST_SCORE = 0.3
"""Detections from here on are given: the tracker uses weak ones to prolong tracks, and starts none with them."""

_CELL_GRID = 52
"""Cells on a side in which two frames are compared: 8 x 8 pixels of the network's input, its finest stride."""

_CELL_CHANGE = 5.0
"""Grey levels by which the mean of a cell must change for the frame to count as changed. Coding noise stays below 2; the
smallest thing that the network finds covers several cells."""


@dataclass(frozen=True, slots=True)
class FrameObjects:
    """Value of the items of the feature "objects".

    Attributes:
        detections: Best score first.
        repeated: Whether the frame was like the last one that the detector saw, and has its detections.
    """

    detections: tuple[Detection, ...]
    repeated: bool


class Objects(Feature):
    """COCO objects at 5 frames a second; `index` is the number of the decoded frame.

    A frame in which no cell of a coarse grid changed since the last detected frame is not detected again: a static scene
    costs one detection.
    """

    name = "objects"
    version = "1"
    frames = FrameSpec(NANODET_SIZE, NANODET_SIZE, fps=SAMPLED_RATE, fit="letterbox")
    models = (_TASK,)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        video = context.media.video
        self._placement = placement_of(max(1, video.width), max(1, video.height))
        self._cells: NDArray[np.float32] | None = None
        self._detections: tuple[Detection, ...] = ()

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame and gives its objects."""
        cells = _cells(item.value)
        is_new = self._cells is None or float(np.abs(cells - self._cells).max()) > _CELL_CHANGE
        if is_new:
            model = self.context.model(_TASK)
            self._detections = tuple(detect(model, [item.value], self._placement, min_score=LEAST_SCORE)[0])
            self._cells = cells
        yield Item(self.name, item.time_s, item.end_s, item.index, FrameObjects(self._detections, not is_new))


def _cells(frame: Image) -> NDArray[np.float32]:
    """Mean of each cell of the grid and channel, [52, 52, 3]."""
    return cv2.resize(frame, (_CELL_GRID, _CELL_GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
